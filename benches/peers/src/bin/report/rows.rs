//! Reads the rows that the benches left, whichever wrote them.
//!
//! ```text
//!   peers.json, http.json   { name, ours, peer, unit, ratio, spread }
//!   node.json               { name, peer, ours, theirs, unit, ratio, spread }
//! ```

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A measured pair, or one figure of ours alone.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ours: Option<f64>,
    pub(crate) peer: Option<f64>,
    pub(crate) unit: String,
    /// How many times better ours is; nothing if the spread is larger than the difference.
    pub(crate) ratio: Option<f64>,
    pub(crate) spread: Option<f64>,
}

impl Row {
    /// The parts of the name.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.name.split('/').collect()
    }

    pub(crate) fn is_slower(&self) -> bool {
        self.ratio.is_some_and(|it| it < 1.0)
    }
}

/// All rows, file after file.
pub(crate) fn read(folder: &Path) -> Vec<Row> {
    let of = |file: &str| {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_else(|_| "[]".to_owned());
        let rows: Vec<Value> = serde_json::from_str(&text).expect("a bench wrote it");
        rows.into_iter().map(row).collect::<Vec<_>>()
    };
    ["peers.json", "node.json", "http.json"].into_iter().flat_map(of).collect()
}

fn row(value: Value) -> Row {
    let number = |key: &str| value[key].as_f64();
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let (ratio, spread) = (number("ratio"), number("spread"));
    if value["theirs"].is_null() {
        return Row {
            name: text("name"),
            ours: number("ours"),
            peer: number("peer"),
            unit: text("unit"),
            ratio,
            spread,
        };
    }
    let name = format!("node/{}/{}", text("name"), text("peer"));
    // Where the bench names a ratio in any case, the spread says whether it means something.
    let means_something = |it: &f64| spread.is_none_or(|spread| spread <= (it - 1.0).abs());
    let ratio = ratio.filter(means_something);
    Row { name, ours: number("ours"), peer: number("theirs"), unit: text("unit"), ratio, spread }
}
