//! Rows for what the engine checks by hand, so that the list of kinds is whole.

use super::{Kind, Rule, by_hand};

pub(super) const KINDS: &[Kind] = &[
    by_hand("known-value", "value that the daemon itself holds", Rule::Structure),
    by_hand("password", "value of a password label", Rule::Label),
    by_hand("secret", "value of a secret, key or token label", Rule::Label),
    by_hand("private-key", "private key in armour (PEM, OpenSSH, PGP, PuTTY)", Rule::Structure),
    by_hand("web-token", "JSON web token", Rule::Structure),
    by_hand("url-password", "password in an address", Rule::Structure),
    by_hand("authorization", "credentials of an authorization header", Rule::Structure),
    by_hand("cookie", "session cookie", Rule::Structure),
    by_hand("command-password", "password among the arguments of a command", Rule::Structure),
    by_hand("password-file", "line of a password file", Rule::Structure),
    by_hand("encoded", "encoded text that holds a secret", Rule::Structure),
];
