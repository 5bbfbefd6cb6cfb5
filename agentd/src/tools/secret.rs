//! The secret-file list: names of files that hold credentials. Refused to the model by default, read or write.
//!
//! Judged by name alone, case-insensitively, and so that doubt means secret. Only names: content is redaction's work.

use std::path::Path;

/// Whole names.
const NAMES: [&str; 39] = [
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".htpasswd",
    ".pgpass",
    "pgpass.conf",
    ".my.cnf",
    ".mylogin.cnf",
    ".vault-token",
    ".dockercfg",
    ".s3cfg",
    ".boto",
    ".passwd-s3fs",
    ".terraformrc",
    "terraform.rc",
    "credentials.tfrc.json",
    "application_default_credentials.json",
    "access_tokens.db",
    "credentials.db",
    "service-account.json",
    "service_account.json",
    ".credentials",
    ".credentials.json",
    "credentials.json",
    "client_secret.json",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
    "kubeconfig",
    "terraform.tfvars",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
];

/// Ends of names.
const ENDINGS: [&str; 13] = [
    ".pem",
    ".key",
    ".p8",
    ".p12",
    ".pfx",
    ".pkcs12",
    ".keystore",
    ".jks",
    ".kdbx",
    ".ppk",
    ".ovpn",
    ".tfstate",
    ".tfstate.backup",
];

/// Files by the directory that they lie in.
const IN_DIRECTORY: [(&str, &str); 7] = [
    (".kube", "config"),
    (".docker", "config.json"),
    (".cargo", "credentials"),
    (".cargo", "credentials.toml"),
    (".gem", "credentials"),
    ("gh", "hosts.yml"),
    ("containers", "auth.json"),
];

/// Directories with nothing in them that a model needs. `.kube` and `.docker` hold other things too, but must not be
/// renamed, or their files would lose their names.
const DIRECTORIES: [&str; 5] = [".ssh", ".gnupg", ".aws", ".azure", ".password-store"];

/// Directories that may be entered but not named themselves, for the reason above.
const KEPT_IN_PLACE: [&str; 2] = [".kube", ".docker"];

/// True when the path, relative or absolute, names a secret file or lies in a directory of secrets.
pub(crate) fn is_secret(path: &Path) -> bool {
    let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().to_lowercase()).collect();
    let Some((last, parents)) = names.split_last() else { return false };
    let parent = parents.last().map(String::as_str).unwrap_or_default();
    names.iter().any(|name| DIRECTORIES.contains(&name.as_str()))
        || KEPT_IN_PLACE.contains(&last.as_str())
        || names.windows(2).any(|pair| pair == [".config", "gcloud"])
        || NAMES.contains(&last.as_str())
        || ENDINGS.iter().any(|ending| last.ends_with(ending))
        || IN_DIRECTORY.contains(&(parent, last.as_str()))
        || is_environment(last)
}

/// `.env` and its kin, but not the examples that are made to be read.
fn is_environment(name: &str) -> bool {
    const EXAMPLES: [&str; 4] = [".example", ".sample", ".template", ".dist"];
    // `.envrc` of direnv holds exports and so, often, keys.
    let environment = name.starts_with(".env") || name.ends_with(".env");
    environment && !EXAMPLES.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credential_files_are_secret_wherever_they_lie() {
        for path in [
            ".env",
            "a/.env.local",
            ".ENV",
            "prod.env",
            ".envrc",
            "server.pem",
            "a/b/TLS.KEY",
            "id_rsa",
            "x/id_ed25519",
            ".netrc",
            ".npmrc",
            ".pypirc",
            ".git-credentials",
            ".aws/credentials",
            ".aws",
            "a/.kube/config",
            ".kube",
            ".docker/config.json",
            ".config/gcloud/credentials.db",
            ".config/gcloud/legacy_credentials",
            "a.p12",
            "a.pfx",
            "app.keystore",
            ".htpasswd",
            ".pgpass",
            ".ssh/config",
            ".cargo/credentials.toml",
        ] {
            assert!(is_secret(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn ordinary_files_are_not_secret() {
        for path in [
            "",
            ".env.example",
            "a/.env.sample",
            ".env.template",
            "environment.rs",
            "key.rs",
            "keys/mod.rs",
            "id_rsa.pub",
            "config.json",
            "docker/config.json",
            ".cargo/config.toml",
            ".gitignore",
            "src/credentials.rs",
            "monkey",
            "gcloud/deploy.md",
            "env",
            ".kube/cache",
        ] {
            assert!(!is_secret(Path::new(path)), "{path}");
        }
    }
}
