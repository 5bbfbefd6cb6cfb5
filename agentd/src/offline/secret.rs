//! Files that hold credentials by convention. They are neither indexed nor shown.

use std::path::Path;

/// True for a file whose name, or whose directory's name, says that it holds secrets.
pub fn is_secret_file(path: &Path) -> bool {
    let dirs = [".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store", "secrets"];
    let in_secret_dir = path.parent().is_some_and(|parent| {
        parent.components().filter_map(|part| part.as_os_str().to_str()).any(|part| dirs.contains(&part))
    });
    in_secret_dir || path.file_name().is_some_and(|name| is_secret_name(&name.to_string_lossy().to_ascii_lowercase()))
}

fn is_secret_name(name: &str) -> bool {
    let names = [
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".my.cnf",
        ".htpasswd",
        ".git-credentials",
        ".boto",
        ".dockercfg",
        ".vault-token",
        "credentials",
        "credentials.json",
        "credentials.toml",
        "secrets.json",
        "secrets.toml",
        "secrets.yaml",
        "secrets.yml",
        "client_secret.json",
        "kubeconfig",
        "terraform.tfvars",
    ];
    let ends = [
        ".pem",
        ".key",
        ".p12",
        ".pfx",
        ".p8",
        ".jks",
        ".keystore",
        ".kdbx",
        ".ppk",
        ".gpg",
        ".asc",
        ".tfstate",
        ".ovpn",
    ];
    let template = [".example", ".sample", ".template", ".dist"].iter().any(|end| name.ends_with(end));
    names.contains(&name)
        || ends.iter().any(|end| name.ends_with(end))
        || ((name == ".env" || name.starts_with(".env.") || name == ".envrc" || name.ends_with(".env")) && !template)
        || (name.starts_with("id_") && !name.contains('.'))
        || (name.starts_with("service-account") && name.ends_with(".json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_places_of_keys_are_known() {
        for path in [
            ".env",
            "a/.env.local",
            "prod.env",
            "x.PEM",
            "tls/server.key",
            "id_rsa",
            "home/id_ed25519",
            ".netrc",
            ".npmrc",
            ".aws/config",
            "credentials.json",
            "service-account-prod.json",
            "secrets/a.txt",
            "terraform.tfstate",
        ] {
            assert!(is_secret_file(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn code_about_keys_is_not_a_key() {
        for path in
            ["src/id_map.rs", "env.rs", ".env.example", "src/secrets.rs", "key.rs", "docs/credentials.md", "keys"]
        {
            assert!(!is_secret_file(Path::new(path)), "{path}");
        }
    }
}
