//! Draws flame graphs from what `perf script` prints.
//!
//! ```text
//!   codec  4711  12.3:  1001001 cpu-clock:         one sample: who, then the functions,
//!           55d0 sha2::compress+0x10 (codec)       the innermost first
//!           55d8 main+0x2 (codec)
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::Picture;

/// Draws a graph for each file of samples in `samples`, beside the one of an earlier run.
pub(crate) fn draw_all(samples: &Path, folder: &Path) -> Vec<Picture> {
    for entry in fs::read_dir(samples).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().and_then(|it| it.strip_suffix(".txt")) else { continue };
        let text = fs::read_to_string(path).unwrap_or_default();
        let root = fold(&text);
        if root.count > 0 {
            fs::write(folder.join(format!("flame-{name}.svg")), draw(&root, name))
                .expect("benches/report is writable");
        }
    }
    let mut files: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|it| it.file_name().into_string().ok())
        .filter(|it| it.starts_with("flame-"))
        .collect();
    files.sort();
    let picture = |file: String| Picture { title: file.replace(".svg", ""), file };
    files.into_iter().map(picture).collect()
}

/// A function where it was called, with the samples in it and in what it called.
#[derive(Default)]
struct Frame {
    count: u64,
    callees: BTreeMap<String, Frame>,
}

fn fold(text: &str) -> Frame {
    let mut root = Frame::default();
    for sample in text.split("\n\n") {
        let mut functions: Vec<_> = sample.lines().skip(1).filter_map(function).collect();
        functions.reverse();
        // What comes before the work: the start of threads and of the bench itself.
        let begin = functions.iter().rposition(|it| BEFORE.iter().any(|name| it.contains(name)));
        root.count += u64::from(!functions.is_empty());
        let mut frame = &mut root;
        for name in functions.drain(begin.map_or(0, |it| it + 1)..) {
            frame = frame.callees.entry(name).or_default();
            frame.count += 1;
        }
    }
    root
}

const BEFORE: [&str; 5] =
    ["criterion::", "__rust_begin_short_backtrace", "lang_start", "clone3", "__libc_start"];

/// `sha2::compress` of `55d0 sha2::compress+0x10 (codec)`.
fn function(line: &str) -> Option<String> {
    let (_, rest) = line.trim().split_once(' ')?;
    let name = rest.rsplit_once(" (").map_or(rest, |it| it.0);
    Some(name.rsplit_once("+0x").map_or(name, |it| it.0).to_owned())
}

const WIDTH: f64 = 1200.0;
const ROW: f64 = 18.0;
/// Narrower ones cannot be seen.
const LEAST: f64 = 0.4;

fn draw(root: &Frame, title: &str) -> String {
    let height = (depth(root, WIDTH) as f64 + 2.0) * ROW;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"white\"/>\n<text x=\"4\" y=\"13\">{} ({} samples)</text>\n",
        escaped(title),
        root.count
    );
    boxes(root, root, 0.0, height - ROW, &mut svg);
    svg + "</svg>\n"
}

fn depth(frame: &Frame, width: f64) -> usize {
    let of = |callee: &Frame| {
        let width = width * callee.count as f64 / frame.count as f64;
        if width < LEAST { 0 } else { 1 + depth(callee, width) }
    };
    frame.callees.values().map(of).max().unwrap_or(0)
}

fn boxes(root: &Frame, frame: &Frame, mut x: f64, y: f64, svg: &mut String) {
    for (number, (name, callee)) in frame.callees.iter().enumerate() {
        let share = callee.count as f64 / root.count as f64;
        let width = WIDTH * share;
        if width >= LEAST {
            let letters = ((width - 6.0) / 6.7).max(0.0) as usize;
            let shown = if letters < 3 { "" } else { &short(name, letters) };
            let hue = 20 + (name.len() * 7 + number * 5) % 35;
            let _ = writeln!(
                svg,
                "<g><title>{} {:.1} %</title><rect x=\"{x:.1}\" y=\"{y:.0}\" width=\"{width:.1}\" \
                 height=\"{:.0}\" fill=\"hsl({hue},85%,62%)\" stroke=\"white\"/>\
                 <text x=\"{:.1}\" y=\"{:.0}\">{}</text></g>",
                escaped(name),
                share * 100.0,
                ROW - 1.0,
                x + 3.0,
                y + 13.0,
                escaped(shown),
            );
            boxes(root, callee, x, y - ROW, svg);
        }
        x += width;
    }
}

fn short(name: &str, letters: usize) -> String {
    name.chars().take(letters).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
