//! Bot tokens of Discord: they have no prefix, but they begin with a number in base64.
//!
//! The number is the bot's id, and digits in base64 begin with few pairs of signs. So the beginnings are spelt out as
//! anchors of three bytes, or of four where three would stop the scan in ordinary words (`ode`, `nte`).

macro_rules! tokens {
    ($($begin:literal)+) => {
        &[$(concat!($begin, "[A-Za-z0-9_-]{19,25}\\.[A-Za-z0-9_-]{6,7}\\.[A-Za-z0-9_-]{27,}")),+]
    };
}

pub(super) const TOKENS: &[&str] = tokens! {
    "MTA" "MTE" "MTI" "MTM" "MTQ" "MTU" "MTY" "MTc" "MTg" "MTk" "MjA" "MjE" "MjI" "MjM" "MjQ" "MjU" "MjY" "Mjc"
    "Mjg" "Mjk" "MzA" "MzE" "MzI" "MzM" "MzQ" "MzU" "MzY" "Mzc" "Mzg" "Mzk" "NDA" "NDEw" "NDEx" "NDEy" "NDEz"
    "NDE0" "NDE1" "NDE2" "NDE3" "NDE4" "NDE5" "NDIw" "NDIx" "NDIy" "NDIz" "NDI0" "NDI1" "NDI2" "NDI3" "NDI4"
    "NDI5" "NDM" "NDQ" "NDU" "NDY" "NDc" "NDg" "NDk" "NTAw" "NTAx" "NTAy" "NTAz" "NTA0" "NTA1" "NTA2" "NTA3"
    "NTA4" "NTA5" "NTEw" "NTEx" "NTEy" "NTEz" "NTE0" "NTE1" "NTE2" "NTE3" "NTE4" "NTE5" "NTIw" "NTIx" "NTIy"
    "NTIz" "NTI0" "NTI1" "NTI2" "NTI3" "NTI4" "NTI5" "NTM" "NTQ" "NTU" "NTY" "NTc" "NTg" "NTk" "NjA" "NjE" "NjI"
    "NjM" "NjQ" "NjU" "NjY" "Njc" "Njg" "Njk" "NzA" "NzE" "NzI" "NzM" "NzQ" "NzU" "NzY" "Nzc" "Nzg" "Nzk" "ODA"
    "ODEw" "ODEx" "ODEy" "ODEz" "ODE0" "ODE1" "ODE2" "ODE3" "ODE4" "ODE5" "ODI" "ODM" "ODQ" "ODUw" "ODUx" "ODUy"
    "ODUz" "ODU0" "ODU1" "ODU2" "ODU3" "ODU4" "ODU5" "ODYw" "ODYx" "ODYy" "ODYz" "ODY0" "ODY1" "ODY2" "ODY3"
    "ODY4" "ODY5" "ODc" "ODg" "ODk" "OTA" "OTEw" "OTEx" "OTEy" "OTEz" "OTE0" "OTE1" "OTE2" "OTE3" "OTE4" "OTE5"
    "OTI" "OTM" "OTQ" "OTU" "OTY" "OTc" "OTg" "OTk"
};
