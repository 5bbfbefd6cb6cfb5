//! Server-sent events, parsed as the bytes come.
//!
//! Owns the framing of the stream: lines ending in CR, LF or CRLF, a byte-order mark at the front, comments, and
//! events that end at an empty line. Bytes may be cut anywhere, also inside a character and between CR and LF.
//! Refuses lines and events over a cap. Knows nothing of JSON and nothing of the provider. The fields `id` and `retry`
//! are dropped: a model call is never resumed by them.
//!
//! Invariants: never panics; every byte is looked at once and copied at most three times, so the time is linear in
//! the input; an event leaves when its empty line ends, without waiting for the LF after a CR; memory stays below
//! [`LINE_MAX`] + [`EVENT_MAX`].

/// Longest line in bytes. Some servers send all arguments of a tool call, a whole file, in one line; a server without
/// newlines must not fill the memory.
pub const LINE_MAX: usize = 4 << 20;
/// Most bytes of data in one event, over all of its lines; the same bound for those who cut their data into lines.
pub const EVENT_MAX: usize = 4 << 20;

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// What the stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseItem {
    /// A comment line: the server lives.
    Comment,
    /// A whole event.
    Event(SseEvent),
}

/// A whole event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Field `event`; empty when there was none, which means `message`.
    pub name: String,
    /// The `data` lines, joined by LF. Bytes that are no UTF-8 are replaced by U+FFFD.
    pub data: String,
}

/// The stream is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line over [`LINE_MAX`].
    #[error("a line of the stream is longer than {LINE_MAX} bytes")]
    LineTooLong,
    /// An event over [`EVENT_MAX`].
    #[error("an event of the stream is longer than {EVENT_MAX} bytes")]
    EventTooLong,
}

/// The parser of one stream.
#[derive(Debug)]
pub struct SseParser {
    line_max: usize,
    event_max: usize,
    line: Vec<u8>,
    event: SseEvent,
    /// A `data` line was seen; an empty one counts.
    has_data: bool,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    /// No line has ended yet: a byte-order mark may stand at its front.
    first_line: bool,
    refused: Option<SseError>,
}

impl Default for SseParser {
    fn default() -> Self {
        Self::with_caps(LINE_MAX, EVENT_MAX)
    }
}

impl SseParser {
    /// A parser at the front of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    fn with_caps(line_max: usize, event_max: usize) -> Self {
        Self {
            line_max,
            event_max,
            line: Vec::new(),
            event: SseEvent::default(),
            has_data: false,
            after_cr: false,
            first_line: true,
            refused: None,
        }
    }

    /// Takes the next bytes and hands every item that ends in them to `sink`, in order.
    ///
    /// # Errors
    /// A line or an event is over its cap. The stream is lost then: every further call gives the same error.
    pub fn push(&mut self, bytes: &[u8], mut sink: impl FnMut(SseItem)) -> Result<(), SseError> {
        if let Some(error) = self.refused {
            return Err(error);
        }
        let done = self.lines(bytes, &mut sink);
        self.refused = done.err();
        done
    }

    fn lines(&mut self, bytes: &[u8], sink: &mut impl FnMut(SseItem)) -> Result<(), SseError> {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
            self.grow(&rest[..at])?;
            let cr = rest[at] == b'\r';
            rest = &rest[at + 1..];
            if cr {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            self.end_line(sink)?;
        }
        self.grow(rest)
    }

    fn grow(&mut self, piece: &[u8]) -> Result<(), SseError> {
        if self.line.len() + piece.len() > self.line_max {
            return Err(SseError::LineTooLong);
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn end_line(&mut self, sink: &mut impl FnMut(SseItem)) -> Result<(), SseError> {
        let line = std::mem::take(&mut self.line);
        let mut text = line.as_slice();
        if std::mem::take(&mut self.first_line) {
            text = text.strip_prefix(BOM).unwrap_or(text);
        }
        match text.iter().position(|&byte| byte == b':') {
            _ if text.is_empty() => self.end_event(sink),
            Some(0) => sink(SseItem::Comment),
            Some(at) => self.field(&text[..at], text[at + 1..].strip_prefix(b" ").unwrap_or(&text[at + 1..]))?,
            None => self.field(text, b"")?,
        }
        // Keep the buffer: the next line needs one of about the same size.
        self.line = line;
        self.line.clear();
        Ok(())
    }

    fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), SseError> {
        match name {
            b"event" => self.event.name = String::from_utf8_lossy(value).into_owned(),
            b"data" => {
                let value = String::from_utf8_lossy(value);
                if self.event.data.len() + 1 + value.len() > self.event_max {
                    return Err(SseError::EventTooLong);
                }
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.has_data = true;
                self.event.data.push_str(&value);
            }
            _ => {}
        }
        Ok(())
    }

    fn end_event(&mut self, sink: &mut impl FnMut(SseItem)) {
        let event = std::mem::take(&mut self.event);
        if std::mem::take(&mut self.has_data) {
            sink(SseItem::Event(event));
        }
    }

    /// The end of the stream: the event that never got its empty line, last line included. It may be half an event.
    pub fn finish(mut self) -> Option<SseEvent> {
        if !self.line.is_empty() {
            self.end_line(&mut |_| ()).ok()?;
        }
        self.has_data.then_some(self.event)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt, stream};
    use proptest::prelude::*;

    use super::*;

    fn parse_cut(pieces: &[&[u8]]) -> Result<Vec<SseItem>, SseError> {
        let mut parser = SseParser::new();
        let mut items = Vec::new();
        for piece in pieces {
            parser.push(piece, |item| items.push(item))?;
        }
        Ok(items)
    }

    fn event(name: &str, data: &str) -> SseItem {
        SseItem::Event(SseEvent { name: name.to_owned(), data: data.to_owned() })
    }

    /// The bytes, cut behind each of the given places.
    fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
        let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
        places.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for to in places.into_iter().chain([bytes.len()]) {
            pieces.push(&bytes[from..to]);
            from = to;
        }
        pieces
    }

    /// The rules of the standard applied to the whole text at once.
    fn slow_reference(text: &str) -> Vec<SseItem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let Some((whole, _unfinished)) = text.rsplit_once('\n') else { return Vec::new() };
        let (mut items, mut data, mut name) = (Vec::new(), Vec::new(), String::new());
        for line in whole.split('\n') {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "" if line.is_empty() => {
                    if !data.is_empty() {
                        items.push(event(&name, &data.join("\n")));
                    }
                    data.clear();
                    name.clear();
                }
                "" => items.push(SseItem::Comment),
                "data" => data.push(value.to_owned()),
                "event" => name = value.to_owned(),
                _ => {}
            }
        }
        items
    }

    fn oracle(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let pieces: Vec<Result<bytes::Bytes, std::io::Error>> =
            pieces.iter().map(|piece| Ok(bytes::Bytes::copy_from_slice(piece))).collect();
        let events = sseer::event_stream::EventStream::new(stream::iter(pieces)).collect::<Vec<_>>();
        let events = events.now_or_never().unwrap();
        events.into_iter().map(|e| e.unwrap()).map(|e| (e.event.to_string(), e.data.to_string())).collect()
    }

    #[test]
    fn each_kind_of_line_end_ends_a_line() {
        for text in ["data: a\n\ndata: b\n\n", "data: a\r\rdata: b\r\r", "data: a\r\n\r\ndata: b\r\n\r\n"] {
            assert_eq!(parse_cut(&[text.as_bytes()]), Ok(vec![event("", "a"), event("", "b")]), "{text:?}");
        }
    }

    #[test]
    fn every_cut_gives_the_same_events() {
        let text = "\u{feff}: hi\r\nevent: é\r\ndata: äöü\rdata\n\ndata:  x\r\r\n: y\ndata: 日本\r\n\r\n".as_bytes();
        let whole = vec![SseItem::Comment, event("é", "äöü\n"), event("", " x"), SseItem::Comment, event("", "日本")];
        assert_eq!(parse_cut(&[text]), Ok(whole.clone()));
        for at in 0..=text.len() {
            assert_eq!(parse_cut(&[&text[..at], &text[at..]]), Ok(whole.clone()), "cut at {at}");
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(parse_cut(&bytes), Ok(whole));
    }

    #[test]
    fn an_event_ended_by_cr_leaves_before_the_lf_comes() {
        let mut parser = SseParser::new();
        let mut items = Vec::new();
        parser.push(b"data: a\r\n\r", |item| items.push(item)).unwrap();
        assert_eq!(items, [event("", "a")]);
        parser.push(b"\ndata: b\n\n", |item| items.push(item)).unwrap();
        assert_eq!(items, [event("", "a"), event("", "b")]);
    }

    #[test]
    fn an_empty_data_line_is_an_event_and_no_data_line_is_none() {
        assert_eq!(
            parse_cut(&[b"data\n\ndata:\ndata:\n\nevent: x\n\ndata: a\n\n"]).unwrap(),
            [event("", ""), event("", "\n"), event("", "a")]
        );
    }

    #[test]
    fn the_byte_order_mark_is_dropped_at_the_front_only() {
        assert_eq!(parse_cut(&[b"\xEF\xBB", b"\xBFdata: a\n\n"]).unwrap(), [event("", "a")]);
        assert_eq!(parse_cut(&[b"data: a\n\xEF\xBB\xBFdata: b\n\n"]).unwrap(), [event("", "a")]);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_replaced() {
        assert_eq!(parse_cut(&[b"data: a\xFFb\n\n"]).unwrap(), [event("", "a\u{fffd}b")]);
    }

    #[test]
    fn a_line_over_the_cap_is_refused_for_good() {
        let mut parser = SseParser::with_caps(10, 100);
        assert_eq!(parser.push(b"data: 1234", |_| ()), Ok(()));
        assert_eq!(parser.push(b"5", |_| ()), Err(SseError::LineTooLong));
        assert_eq!(parser.push(b"\n\n", |_| panic!("an item after the refusal")), Err(SseError::LineTooLong));
    }

    #[test]
    fn an_event_over_the_cap_is_refused_also_when_its_lines_are_short() {
        let mut parser = SseParser::with_caps(10, 8);
        assert_eq!(parser.push(b"data: 123\ndata: 4\n", |_| ()), Ok(()));
        assert_eq!(parser.push(b"data: 567\n", |_| ()), Err(SseError::EventTooLong));
    }

    #[test]
    fn the_real_caps_hold_for_a_server_without_newlines() {
        let mut parser = SseParser::new();
        let block = [b'x'; 1 << 16];
        let taken = (0..1000).take_while(|_| parser.push(&block, |_| ()).is_ok()).count();
        assert_eq!(taken, LINE_MAX / block.len());
        assert!(parser.line.capacity() <= 2 * LINE_MAX);
    }

    #[test]
    fn finish_gives_the_event_that_lacks_its_empty_line() {
        for text in ["data: [DONE]", "data: [DONE]\n", "data: [DONE]\r"] {
            let mut parser = SseParser::new();
            parser.push(text.as_bytes(), |_| panic!("not whole yet")).unwrap();
            assert_eq!(parser.finish().map(|e| e.data), Some("[DONE]".to_owned()));
        }
        assert_eq!(SseParser::new().finish(), None);
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "data: ?[a-z:é日{} ]{0,12}",
            1 => Just("data".to_owned()),
            1 => "event: [a-z]{1,5}",
            1 => ":[a-z ]{0,8}",
            1 => "(id|retry|other): ?[a-z0-9]{0,4}",
            3 => Just(String::new()),
        ]
    }

    fn text() -> impl Strategy<Value = String> {
        let line_end = prop_oneof![Just("\n"), Just("\r"), Just("\r\n")];
        let lines = prop::collection::vec((line(), line_end), 0..40);
        (any::<bool>(), lines).prop_map(|(bom, lines)| {
            let mut text = String::from(if bom { "\u{feff}" } else { "" });
            for (line, end) in lines {
                text.push_str(&line);
                text.push_str(end);
            }
            text
        })
    }

    proptest! {
        #[test]
        fn streams_cut_anywhere_agree_with_the_standard(text in text(), places in prop::collection::vec(any::<usize>(), 0..20)) {
            prop_assert_eq!(parse_cut(&cut(text.as_bytes(), &places)).unwrap(), slow_reference(&text));
        }

        #[test]
        fn streams_cut_anywhere_agree_with_an_independent_parser(text in text(), places in prop::collection::vec(any::<usize>(), 0..20)) {
            let pieces = cut(text.as_bytes(), &places);
            let ours: Vec<_> = parse_cut(&pieces).unwrap().into_iter().filter_map(|item| match item {
                SseItem::Event(e) => Some((if e.name.is_empty() { "message".to_owned() } else { e.name }, e.data)),
                SseItem::Comment => None,
            }).collect();
            prop_assert_eq!(ours, oracle(&pieces));
        }

        #[test]
        fn any_bytes_parse_as_their_lossy_text_does(bytes in prop::collection::vec(any::<u8>(), 0..200), places in prop::collection::vec(any::<usize>(), 0..5)) {
            let lossy = String::from_utf8_lossy(&bytes);
            prop_assert_eq!(parse_cut(&cut(&bytes, &places)).unwrap(), slow_reference(&lossy));
        }

        #[test]
        fn hostile_bytes_never_panic_under_small_caps(bytes in prop::collection::vec(prop::sample::select(&b"data: \r\n\xEF\xBB\xBF\xFF"[..]), 0..300), places in prop::collection::vec(any::<usize>(), 0..9)) {
            let mut parser = SseParser::with_caps(16, 24);
            for piece in cut(&bytes, &places) {
                let _ = parser.push(piece, |item| if let SseItem::Event(e) = item { assert!(e.data.len() <= 24) });
            }
        }
    }
}
