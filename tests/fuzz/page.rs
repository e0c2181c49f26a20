//! What the page reads: the streams of events.

use watch_party::app::EventReader;

use crate::inputs::Target;

#[test]
fn event_streams() {
    let example =
        b": hello\n\nevent: pending\ndata: {}\n\nretry: 1000\n\nid: 7\nevent:declined\ndata:{\"a\":\"b\"}\n\n";
    let words = ["event:", "data:", "id:", "retry:", ": ", "\n", "\n\n", "\r\n", "{\"type\":\"seats\"}", "seats"];
    Target::new("event_streams", 200).words(words).examples([example.to_vec()]).check(|stream| {
        let whole = EventReader::default().take(stream);
        // Small chunks of a long stream would take most of the time.
        let sizes = if stream.len() < 1_000 { &[1, 2, 3, 7, 64][..] } else { &[500] };
        for &size in sizes {
            let mut reader = EventReader::default();
            let chunked: Vec<_> = stream.chunks(size).flat_map(|chunk| reader.take(chunk)).collect();
            assert_eq!(chunked, whole, "in chunks of {size} bytes");
        }
        for (name, data) in &whole {
            assert!(!name.contains('\n') && !data.contains('\n'), "{name:?} {data:?}");
            if name.contains('\r') || data.contains('\r') {
                continue;
            }
            // An event is written as the server writes it, and read again.
            let written = format!("event: {name}\ndata: {data}\n\n");
            let read = EventReader::default().take(written.as_bytes());
            assert_eq!(read, [(name.clone(), data.clone())]);
        }
    });
}
