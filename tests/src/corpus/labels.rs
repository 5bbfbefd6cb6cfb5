//! Words that announce a secret, and the ways to spell an identifier of several words.

/// A word that announces a password.
pub(super) const PASSWORDS: [&str; 44] = [
    "password",
    "passwd",
    "pwd",
    "pass",
    "db_password",
    "database_password",
    "mysql_root_password",
    "postgres_password",
    "redis_password",
    "admin_password",
    "root_password",
    "user_password",
    "spring_datasource_password",
    "smtp_password",
    "mail_password",
    "email_host_password",
    "ldap_bind_password",
    "keystore_password",
    "truststore_password",
    "key_password",
    "store_password",
    "user_pwd",
    "root_passwd",
    "sudo_password",
    "ftp_password",
    "vnc_password",
    "wifi_password",
    "proxy_password",
    "backup_passphrase",
    "gpg_passphrase",
    "passphrase",
    "ssh_key_passphrase",
    "basic_auth_password",
    "mssql_sa_password",
    "oracle_pwd",
    "rabbitmq_default_pass",
    "minio_root_password",
    "gf_security_admin_password",
    "encryption_password",
    "default_password",
    "login_password",
    "account_password",
    "service_account_password",
    "db_pass",
];

/// A word that announces a token or a key.
pub(super) const TOKENS: [&str; 52] = [
    "api_key",
    "apikey",
    "api_token",
    "api_secret",
    "access_token",
    "auth_token",
    "authtoken",
    "refresh_token",
    "bearer_token",
    "client_secret",
    "oauth_client_secret",
    "oauth_token",
    "secret_key",
    "secret_key_base",
    "secret",
    "app_secret",
    "app_key",
    "shared_secret",
    "webhook_secret",
    "signing_key",
    "signing_secret",
    "private_key",
    "encryption_key",
    "master_key",
    "session_secret",
    "cookie_secret",
    "jwt_secret",
    "hmac_secret",
    "hmac_key",
    "consumer_secret",
    "access_key",
    "secret_access_key",
    "aws_secret_access_key",
    "account_key",
    "storage_account_key",
    "service_token",
    "deploy_token",
    "bot_token",
    "registration_token",
    "x_api_key",
    "token",
    "personal_access_token",
    "auth_key",
    "aes_key",
    "nextauth_secret",
    "npm_token",
    "ci_job_token",
    "vault_token",
    "subscription_key",
    "user_token",
    "admin_token",
    "license_key",
];

/// Services, most of them in no list of kinds: there the word beside the name must tell.
pub(super) const SERVICES: [&str; 40] = [
    "acme", "zenhub", "bluewhale", "lokalise", "hotjar", "paperform", "statuspage", "gumroad", "typesense", "chargebee",
    "pingdom", "opsgenie", "smartling", "vonage", "webflow", "klaviyo", "baremetrics", "uptimerobot", "storyblok", "appcues",
    "mux_video", "cloudsmith", "tally_forms", "back4app", "fullstory", "kickbox", "hunter_io", "abyssale", "sitecheck", "clarifai",
    "polygon_io", "worldtides", "stormglass", "nitro_pack", "raven_tools", "simfin", "zerobounce", "data_lake", "openexchange", "trackvia",
];

/// The word in the wished spelling: `snake`, `upper`, `kebab`, `dot`, `space`, `camel` or `pascal`.
pub(super) fn spelled(word: &str, style: &str) -> String {
    match style {
        "upper" => word.to_uppercase(),
        "kebab" => word.replace('_', "-"),
        "dot" => word.replace('_', "."),
        "space" => word.replace('_', " "),
        "camel" => decapitalised(&pascal(word)),
        "pascal" => pascal(word),
        _ => word.to_owned(),
    }
}

fn pascal(word: &str) -> String {
    word.split('_').map(capitalised).collect()
}

fn capitalised(part: &str) -> String {
    let mut chars = part.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

fn decapitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}
