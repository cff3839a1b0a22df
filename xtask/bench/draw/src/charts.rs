//! The charts, and the results of each.
//!
//! Invariant: a figure without a measurement is left out, and one beyond the scale is named below.

use serde_json::Value;

use crate::bars::{Bar, Chart, Group};

/// The peers of the charts with several, in the order of their bars.
const PEERS: [&str; 5] = ["ours", "tokio", "libuv", "mio", "epoll"];

/// A server's own time for a message.
pub(crate) fn user_time(results: &Value) -> Chart {
    let trials = [
        ("user-time-64-50", "64 B, 50 connections"),
        ("user-time-64-4000", "64 B, 4,000 connections"),
        ("user-time-65536-50", "64 KiB, 50 connections"),
        ("user-time-65536-4000", "64 KiB, 4,000 connections"),
    ];
    let groups = trials.map(|(trial, title)| peers(results, trial, "user_time", title));
    let twisted = median(results, "user-time-64-50", "user_time", "twisted");
    let note = match twisted {
        Some(time) => {
            format!("Twisted is not drawn: {time:.0} ns. The library's own work is in all bars.")
        }
        None => "The work of the library that stands for the kernel is in all bars.".into(),
    };
    Chart {
        title: "User-space time per echoed message, the kernel taken away (ns)".into(),
        groups: groups.into_iter().collect(),
        note: note + &on(results),
    }
}

/// The memory of an idle connection.
pub(crate) fn memory(results: &Value) -> Chart {
    let tls = |title: &str| peers(results, "tls-idle", "idle_bytes", title);
    Chart {
        title: "Resident memory per idle connection, at 8,000 (bytes)".into(),
        groups: vec![peers(results, "idle", "idle_bytes", "TCP"), tls("TLS")],
        note: format!("tokio has a buffer of 4 KiB for each connection.{}", on(results)),
    }
}

/// Every figure with a goal relative to tokio: ours divided by tokio's, and the goal.
pub(crate) fn beside_tokio(results: &Value) -> Chart {
    let mut groups = Vec::new();
    for trial in list(results, "trials") {
        for figure in list(trial, "figures") {
            let goals = list(figure, "goals");
            let Some(goal) = goals.iter().find(|goal| goal["peer"] == "tokio") else { continue };
            let (Some(ratio), Some(bound)) = (goal["ratio"].as_f64(), bound(goal)) else {
                continue;
            };
            if goal["goal"].as_str().is_some_and(|text| text.starts_with("at least")) {
                continue;
            }
            let title = match figure["id"].as_str() {
                Some("link") => "a link of Deferreds, a hand-over of tokio's oneshot".to_owned(),
                Some(id @ ("first_insert" | "insert" | "cancel" | "reset" | "fire")) => {
                    format!("timers, {id}")
                }
                _ => trial["title"].as_str().unwrap_or_default().to_owned(),
            };
            let bar = Bar { label: String::new(), value: ratio, mark: Some(bound), is_ours: true };
            groups.push(Group { title, bars: vec![bar] });
        }
    }
    Chart {
        title: "Ours divided by tokio: less is better, the line is the goal".into(),
        groups,
        note: on(results).trim_start().to_owned(),
    }
}

fn peers(results: &Value, trial: &str, figure: &str, title: &str) -> Group {
    let bar = |peer: &str| {
        let value = median(results, trial, figure, peer)?;
        Some(Bar { label: peer.to_owned(), value, mark: None, is_ours: peer == "ours" })
    };
    Group { title: title.to_owned(), bars: PEERS.iter().filter_map(|peer| bar(peer)).collect() }
}

fn median(results: &Value, trial: &str, figure: &str, peer: &str) -> Option<f64> {
    let trial = list(results, "trials").iter().find(|it| it["id"] == trial)?;
    let figure = list(trial, "figures").iter().find(|it| it["id"] == figure)?;
    figure["peers"][peer]["median"].as_f64()
}

/// The number of a goal: "at most 0.20 x tokio".
fn bound(goal: &Value) -> Option<f64> {
    goal["goal"].as_str()?.split(' ').nth(2)?.parse().ok()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The machine and the date of the measurement.
fn on(results: &Value) -> String {
    let machine = &results["machine"];
    let of = |key: &str| machine[key].as_str().unwrap_or("unknown").to_owned();
    format!(" Measured on {} ({}, {} cores).", of("date"), of("processor"), machine["cores"])
}
