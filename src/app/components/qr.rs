//! A QR code, drawn in the page.

use leptos::prelude::*;
use qrcodegen::{QrCode, QrCodeEcc};

/// The white margin that readers need (ISO/IEC 18004), in modules.
const QUIET_ZONE: i32 = 4;

/// Returns the width and the SVG path of the code; `None` if the text is too long for one.
fn drawing(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = code.size();
    let dark = (0..size).flat_map(|y| (0..size).map(move |x| (x, y))).filter(|(x, y)| code.get_module(*x, *y));
    let squares: Vec<String> = dark.map(|(x, y)| format!("M{} {}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE)).collect();
    Some((size + 2 * QUIET_ZONE, squares.concat()))
}

#[component]
pub(crate) fn QrDrawing(#[prop(into)] text: Signal<Option<String>>, label: &'static str) -> impl IntoView {
    let drawing = Memo::new(move |_| text.with(|text| text.as_deref().and_then(drawing)));
    move || {
        drawing.get().map(|(size, path)| {
            view! {
                <svg class="qr" role="img" aria-label=label viewBox=format!("0 0 {size} {size}") shape-rendering="crispEdges">
                    <rect width="100%" height="100%" class="light"/>
                    <path d=path class="dark"/>
                </svg>
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magic_link_fits_in_a_qr_code_and_a_long_text_does_not() {
        let link = format!("https://chat.example/join/2eaf4767-9975-4773-b7c7-817e60ce2bfb#{}", "k".repeat(43));
        let (size, path) = drawing(&link).unwrap();
        assert!(size < 60, "{size}");
        // The outer corner of the finder pattern is where the quiet zone ends.
        assert!(path.starts_with("M4 4h1v1h-1z"), "{}", &path[..20]);
        assert!(drawing(&"x".repeat(10_000)).is_none());
    }
}
