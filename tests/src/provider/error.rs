//! Errors in the service's own words.

use serde_json::json;

/// An error answer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `error.message`.
    pub message: String,
    /// `error.type`.
    pub kind: &'static str,
    /// `error.code`.
    pub code: &'static str,
}

impl ApiError {
    /// 400: the request breaks a rule.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into(), kind: "invalid_request_error", code: "invalid_request_error" }
    }

    /// 422: a parameter is out of its range.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self { status: 422, ..Self::bad(message) }
    }

    /// The service's answer for a status.
    pub(super) fn of_status(status: u16) -> Self {
        let (message, kind, code) = match status {
            401 => ("Authentication Fails, Your api key is invalid", "authentication_error", "invalid_request_error"),
            402 => ("Insufficient Balance", "unknown_error", "invalid_request_error"),
            404 => ("Not Found", "invalid_request_error", "invalid_request_error"),
            405 => ("Method Not Allowed", "invalid_request_error", "invalid_request_error"),
            429 => ("Rate limit reached, please retry later", "rate_limit_error", "rate_limit_reached"),
            500 => ("Internal Server Error", "server_error", "internal_error"),
            503 => ("Service is too busy, please retry later", "service_unavailable_error", "service_unavailable"),
            _ => ("Request failed", "invalid_request_error", "invalid_request_error"),
        };
        Self { status, message: message.to_owned(), kind, code }
    }

    /// The body.
    pub(super) fn body(&self) -> String {
        json!({ "error": { "message": self.message, "type": self.kind, "param": null, "code": self.code } }).to_string()
    }
}
