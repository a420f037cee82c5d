//! Draws what grows: latency by callers, throughput by bytes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;

use crate::Picture;
use crate::rows::Row;

/// A line for each name.
type Lines = BTreeMap<String, Vec<(f64, f64)>>;

/// Draws every plot that there are rows for.
pub(crate) fn draw(rows: &[Row], folder: &Path) -> Vec<Picture> {
    let mut pictures = Vec::new();
    for (mix, added) in
        [("load", "+0ms"), ("load", "+1ms"), ("load_and_save", "+0ms"), ("load_and_save", "+1ms")]
    {
        let file = format!("stores-{mix}-{}.svg", &added[1..]);
        let title = format!("{mix}, {added} of round trip: mean time of a call");
        let axes = Axes { x: "callers", y: "us" };
        pictures.extend(plot(folder, file, title, axes, latency_by_callers(rows, mix, added)));
    }
    let title = "load_and_save, 64 callers: throughput".to_owned();
    let axes = Axes { x: "bytes of a session", y: "MB/s" };
    let lines = throughput_by_bytes(rows);
    pictures.extend(plot(folder, "stores-bytes.svg".to_owned(), title, axes, lines));
    let title = "cookies: throughput".to_owned();
    let axes = Axes { x: "bytes of a payload", y: "MB/s" };
    pictures.extend(plot(folder, "codec-bytes.svg".to_owned(), title, axes, codec_by_bytes(rows)));
    let title = "load of a stored session".to_owned();
    let axes = Axes { x: "sessions stored", y: "us" };
    pictures.extend(plot(folder, "growth-stored.svg".to_owned(), title, axes, by_stored(rows)));
    pictures
}

/// By Little's law, which holds for callers that do nothing else: callers / throughput.
fn latency_by_callers(rows: &[Row], mix: &str, added: &str) -> Lines {
    let mut lines = Lines::new();
    for row in rows {
        let [row_mix, callers, row_added, ours, peer] = row.parts()[..] else { continue };
        let Ok(callers) = callers.parse::<f64>() else { continue };
        if (row_mix, row_added) != (mix, added) || peer.starts_with("redis-benchmark") {
            continue;
        }
        for (name, rate) in [(format!("ours, {ours}"), row.ours), (peer.to_owned(), row.peer)] {
            if let Some(rate) = rate {
                add(&mut lines, name, callers, callers / (rate * 1000.0) * 1e6);
            }
        }
    }
    lines
}

fn throughput_by_bytes(rows: &[Row]) -> Lines {
    let mut lines = Lines::new();
    for row in rows {
        let (bytes, ours, peer) = match row.parts()[..] {
            ["load_and_save", "64", "+0ms", ours, peer] => (500.0, ours, peer),
            ["load_and_save", "64", "+0ms", bytes, ours, peer] => {
                (bytes.trim_end_matches('B').parse().unwrap_or(0.0), ours, peer)
            }
            _ => continue,
        };
        for (name, rate) in [(format!("ours, {ours}"), row.ours), (peer.to_owned(), row.peer)] {
            if let Some(rate) = rate {
                add(&mut lines, name, bytes, bytes * rate * 1000.0 / 1e6);
            }
        }
    }
    lines
}

fn codec_by_bytes(rows: &[Row]) -> Lines {
    let mut lines = Lines::new();
    for row in rows {
        let ["codec", operation, bytes, "hmac, base64"] = row.parts()[..] else { continue };
        let Ok(bytes) = bytes.parse::<f64>() else { continue };
        let both = [(operation.to_owned(), row.ours), ("HMAC and base64 alone".into(), row.peer)];
        for (name, ns) in both {
            if let Some(ns) = ns {
                add(&mut lines, name, bytes, bytes / ns * 1000.0);
            }
        }
    }
    lines
}

fn by_stored(rows: &[Row]) -> Lines {
    let mut lines = Lines::new();
    for row in rows {
        let ["growth", operation, store, stored] = row.parts()[..] else { continue };
        if let (Ok(stored), Some(us)) = (stored.parse(), row.ours) {
            add(&mut lines, format!("{store}, {operation}"), stored, us);
        }
    }
    lines
}

/// A contestant was measured against several; its figures are the same but for rounding.
fn add(lines: &mut Lines, name: String, x: f64, y: f64) {
    let points = lines.entry(name).or_default();
    if !points.iter().any(|it| it.0 == x) {
        points.push((x, y));
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
}

struct Axes {
    x: &'static str,
    y: &'static str,
}

/// Both axes are logarithmic. Nothing if there is nothing to draw.
fn plot(folder: &Path, file: String, title: String, axes: Axes, lines: Lines) -> Option<Picture> {
    let points = || lines.values().flatten();
    if points().count() < 2 {
        return None;
    }
    let path = folder.join(&file);
    let root = SVGBackend::new(&path, (900, 480)).into_drawing_area();
    root.fill(&WHITE).expect("it is drawn");
    let mut chart = ChartBuilder::on(&root)
        .caption(&title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(
            around(points().map(|it| it.0)).log_scale(),
            around(points().map(|it| it.1)).log_scale(),
        )
        .expect("there is room");
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(axes.x).y_desc(axes.y).x_label_formatter(&label).y_label_formatter(&label);
    mesh.draw().expect("it is drawn");
    for (number, (name, points)) in lines.iter().enumerate() {
        let color = Palette99::pick(number).stroke_width(if name.contains("ours") { 3 } else { 2 });
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color).point_size(3))
            .expect("it is drawn")
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()
        .expect("it is drawn");
    root.present().expect("benches/report is writable");
    drop(chart);
    drop(root);
    Some(Picture { file, title })
}

fn around(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let most = values.fold(0.0, f64::max);
    least * 0.8..most * 1.25
}

fn label(value: &f64) -> String {
    if *value >= 1.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
