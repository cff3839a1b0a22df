//! Horizontal bars in groups, as SVG.
//!
//! Invariant: all bars of a chart have one scale, which begins at zero.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// A chart.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) groups: Vec<Group>,
    /// The text below the bars.
    pub(crate) note: String,
}

/// A group of bars.
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: f64,
    /// The position of a line across the bar.
    pub(crate) mark: Option<f64>,
    pub(crate) is_ours: bool,
}

const WIDTH: i32 = 860;
const HEIGHT_OF_BAR: i32 = 20;
const GAP: i32 = 12;
/// The left edge of the bars, and the length of the longest.
const LEFT: i32 = 390;
const LONGEST: i32 = 390;
const TOP: i32 = 46;

const OURS: RGBColor = RGBColor(190, 90, 30);
const THEIRS: RGBColor = RGBColor(120, 140, 160);
const INK: RGBColor = RGBColor(40, 40, 40);

/// Draws a chart into a file.
pub(crate) fn draw(file: &Path, chart: &Chart) -> Result<(), Box<dyn Error>> {
    let bars: usize = chart.groups.iter().map(|group| group.bars.len()).sum();
    let height = TOP + 40 + HEIGHT_OF_BAR * bars as i32 + GAP * chart.groups.len() as i32;
    let area = SVGBackend::new(file, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    text(&area, &chart.title, (16, 16), 18.0, HPos::Left)?;
    let values = chart.groups.iter().flat_map(|group| &group.bars);
    let greatest = values.flat_map(|bar| [bar.value, bar.mark.unwrap_or(0.0)]).fold(0.0, f64::max);
    let scale = |value: f64| LEFT + (value / greatest * f64::from(LONGEST)).round() as i32;
    let mut y = TOP;
    for group in &chart.groups {
        text(&area, &group.title, (16, y + 4), 13.0, HPos::Left)?;
        for bar in &group.bars {
            text(&area, &bar.label, (LEFT - 8, y + 4), 13.0, HPos::Right)?;
            let color = if bar.is_ours { OURS } else { THEIRS };
            let corners = [(LEFT, y + 2), (scale(bar.value), y + HEIGHT_OF_BAR - 3)];
            area.draw(&Rectangle::new(corners, color.filled()))?;
            if let Some(mark) = bar.mark {
                let line = [(scale(mark), y - 1), (scale(mark), y + HEIGHT_OF_BAR)];
                area.draw(&PathElement::new(line, INK.stroke_width(2)))?;
            }
            let end = scale(bar.value).max(bar.mark.map_or(0, scale)) + 6;
            text(&area, &short(bar.value), (end, y + 4), 13.0, HPos::Left)?;
            y += HEIGHT_OF_BAR;
        }
        y += GAP;
    }
    text(&area, &chart.note, (16, y + 4), 12.0, HPos::Left)?;
    area.present()?;
    Ok(())
}

fn text(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    words: &str,
    at: (i32, i32),
    size: f64,
    from: HPos,
) -> Result<(), Box<dyn Error>> {
    let style = ("sans-serif", size).into_text_style(area).color(&INK);
    area.draw(&Text::new(words.to_owned(), at, style.pos(Pos::new(from, VPos::Top))))?;
    Ok(())
}

/// The number with three significant digits, and all digits before the point.
fn short(number: f64) -> String {
    let digits = match number {
        ..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}
