//! Structs lie in memory as the ABI snapshot says, which a C compiler has measured.

use std::mem::offset_of;

use crate::buffer::{rsess_buf, rsess_slice};
use crate::cookie::rsess_cookie_config;
use crate::figures::{rsess_calls, rsess_figures};
use crate::queue::{rsess_completion, rsess_operation};
use crate::status::{rsess_category, rsess_status};

#[test]
fn rust_lays_out_every_struct_as_a_c_compiler_does() {
    let mut ours = Vec::new();
    let mut size = |name: &str, size: usize| ours.push(format!("sizeof {name}: {size}"));
    size("rsess_buf", size_of::<rsess_buf>());
    size("rsess_calls", size_of::<rsess_calls>());
    size("rsess_category", size_of::<rsess_category>());
    size("rsess_completion", size_of::<rsess_completion>());
    size("rsess_cookie_config", size_of::<rsess_cookie_config>());
    size("rsess_figures", size_of::<rsess_figures>());
    size("rsess_operation", size_of::<rsess_operation>());
    size("rsess_slice", size_of::<rsess_slice>());
    size("rsess_status", size_of::<rsess_status>());
    let mut offset = |name: &str, offset: usize| ours.push(format!("offsetof {name}: {offset}"));
    offset("rsess_buf.ptr", offset_of!(rsess_buf, ptr));
    offset("rsess_buf.len", offset_of!(rsess_buf, len));
    offset("rsess_buf.cap", offset_of!(rsess_buf, cap));
    offset("rsess_calls.calls", offset_of!(rsess_calls, calls));
    offset("rsess_calls.errors", offset_of!(rsess_calls, errors));
    offset("rsess_completion.tag", offset_of!(rsess_completion, tag));
    offset("rsess_completion.status", offset_of!(rsess_completion, status));
    offset("rsess_completion.operation", offset_of!(rsess_completion, operation));
    offset("rsess_completion.session", offset_of!(rsess_completion, session));
    offset("rsess_completion.set_cookie", offset_of!(rsess_completion, set_cookie));
    offset("rsess_completion.error", offset_of!(rsess_completion, error));
    offset("rsess_cookie_config.name", offset_of!(rsess_cookie_config, name));
    offset("rsess_cookie_config.path", offset_of!(rsess_cookie_config, path));
    offset("rsess_cookie_config.same_site", offset_of!(rsess_cookie_config, same_site));
    offset("rsess_cookie_config.secure", offset_of!(rsess_cookie_config, secure));
    offset("rsess_cookie_config.http_only", offset_of!(rsess_cookie_config, http_only));
    offset("rsess_figures.size", offset_of!(rsess_figures, size));
    offset("rsess_figures.create", offset_of!(rsess_figures, create));
    offset("rsess_figures.destroy", offset_of!(rsess_figures, destroy));
    offset("rsess_figures.load", offset_of!(rsess_figures, load));
    offset("rsess_figures.remove", offset_of!(rsess_figures, remove));
    offset("rsess_figures.replace", offset_of!(rsess_figures, replace));
    offset("rsess_figures.save", offset_of!(rsess_figures, save));
    offset("rsess_figures.touch", offset_of!(rsess_figures, touch));
    offset("rsess_figures.merges", offset_of!(rsess_figures, merges));
    offset("rsess_figures.writes_to_gone", offset_of!(rsess_figures, writes_to_gone));
    offset("rsess_figures.calls_not_tried", offset_of!(rsess_figures, calls_not_tried));
    offset("rsess_figures.foreign_records", offset_of!(rsess_figures, foreign_records));
    offset("rsess_figures.unreadable_records", offset_of!(rsess_figures, unreadable_records));
    offset("rsess_slice.ptr", offset_of!(rsess_slice, ptr));
    offset("rsess_slice.len", offset_of!(rsess_slice, len));
    ours.sort();

    let snapshot = include_str!("../../abi/1.txt");
    let is_layout = |line: &&str| line.starts_with("sizeof") || line.starts_with("offsetof");
    let mut measured: Vec<_> = snapshot.lines().filter(is_layout).collect();
    measured.sort_unstable();
    assert_eq!(ours, measured);
}
