//! Secrets in URLs, and what looks like them.

use super::{ALNUM, HEX, noise, redacted, stays};

#[track_caller]
fn hides(text: &str, secret: &str) {
    assert_eq!(redacted(&text.replace("{}", secret)), text.replace("{}", "[REDACTED]"), "{secret}");
}

#[test]
fn a_password_before_the_host_goes() {
    let secret = noise(1, 14, ALNUM);
    for text in [
        "postgres://app:{}@db.internal:5432/app",
        "redis://:{}@cache:6379/0",
        "mongodb+srv://root:{}@a.example.net/?retryWrites=true",
        "mongodb://u1:{}@h1:27017,h2:27017/db",
        "url = \"amqp://svc:{}@mq/vhost\"",
        "'ftp://bob:{}@files'",
        "<https://bob.b%40x.org:{}@example.org/a@b>",
        "jdbc:postgresql://me2:{}@db/x",
        "http:\\/\\/bob:{}@host\\/x",
        "https://oauth2:{}@git.example.org/a.git",
        "\"amqp://svc:{}@\" + host",
        "redirect=https%3A%2F%2Fbob%3A{}%40host%2Fpath",
        "dsn := \"app:{}@tcp(127.0.0.1:3306)/db\"",
        "jdbc:oracle:thin:scott/{}@//db:1521/x",
        "proxy=http://${USER}:{}@proxy:3128",
    ] {
        hides(text, &secret);
        if !text.contains("%3A") {
            hides(text, "aB3$!e,f;g(h)");
        }
    }
    hides("postgres://u9:{}@h/db", "a/b?c#d1");
    hides("postgres://u9:{}@h/db", "p@ss@w0rd");
    hides("postgres://postgres:{}@localhost", "postgres");
    hides("postgres://admin:{}@localhost", "admin123");
}

#[test]
fn what_stands_for_a_password_stays() {
    for text in [
        "postgres://user:password@localhost/db",
        "http://user:pass@host/",
        "ftp://USER:PASS@host",
        "a://b:c@d",
        "redis://:password@host",
        "https://<user>:<...>@host",
        "mysql://${U}:${P}@h",
        "mysql://u:$DB_PASS@h",
        "postgres://{user}:{password}@{host}",
        "postgres://%s:%s@%s/%s",
        "mysql://root:{{ pw }}@h",
        "postgres://admin:[REDACTED]@h",
        "postgres://admin:***@h",
        "postgres://admin:xxxxxx@h",
        "db://me:#{pw}@h",
        "postgres://username:your_password@example.com",
        "postgres://%(user)s:%(password)s@h",
        "x://foo:bar@h",
    ] {
        stays(text);
    }
}

#[test]
fn ports_scopes_and_people_are_no_passwords() {
    for text in [
        "http://localhost:8080/@scope/pkg",
        "https://unpkg.com/@types/node@20.1.0/x",
        "https://git@github.com/a/b",
        "see http://host:8080 or mail me@example.org",
        "http://localhost:3000/users/@me",
        "http://[::1]:80/a@b",
        "https://registry.example.org:443/@a%2fb",
        "ssh://git@host:22/x@y",
        "https://example.org:8443?mail=a@b.c",
        "http://localhost:${port}/users/@me",
        "https://medium.com/@someone/title-0123456789ab",
        "ssh://deployment-user-2024-01@host",
        "https://someorganisation@dev.example.org/x",
        "git+ssh://git@h/a.git#v1",
    ] {
        stays(text);
    }
}

#[test]
fn a_token_in_place_of_the_user_goes() {
    let token = noise(8, 40, ALNUM);
    for text in [
        "git clone https://{}@git.example.org/a/b.git",
        "https://{}:x-oauth-basic@git.example.org/a",
        "https://{}:@api.example.org/v1",
        "dsn: https://{}@o12345.ingest.sentry.io/678",
    ] {
        hides(text, &token);
        hides(text, &noise(9, 32, HEX));
    }
}

#[test]
fn webhook_addresses_lose_their_path() {
    let path =
        format!("T{}/B{}/{}", noise(1, 8, "ABCDEF0123456789"), noise(2, 10, "ABCDEF0123456789"), noise(3, 24, ALNUM));
    hides("curl https://hooks.slack.com/services/{}.", &path);
    hides("\"https:\\/\\/hooks.slack.com\\/services\\/{}\"", &path.replace('/', "\\/"));
    let path = format!("{}/{}", noise(4, 18, "0123456789"), noise(5, 68, ALNUM));
    hides("(https://discord.com/api/webhooks/{})", &path);
    let key = format!("AAAA/messages?key={}&token={}", noise(6, 39, ALNUM), noise(7, 43, ALNUM));
    hides("https://chat.googleapis.com/v1/spaces/{}", &key);
    stays("https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX");
    stays("post to https://hooks.slack.com/services/... or https://discord.com/api/webhooks/<id>/<token>");
}

#[test]
fn signatures_of_links_go() {
    let azure = format!("{}%2B{}%3D", noise(1, 20, ALNUM), noise(2, 22, ALNUM));
    hides("https://a.blob.core.windows.net/c?sv=2022-11-02&sp=r&sig={}&se=2030", &azure);
    hides("https://a.blob.core.windows.net/c?sv=2022\\u0026sig={}\\u0026se=2030", &azure);
    let hex = noise(3, 64, HEX);
    hides("https://b.s3.amazonaws.com/k?X-Amz-Expires=60&amp;X-Amz-Signature={}", &hex);
    hides("SignedHeaders=host, Signature={}", &hex);
    for text in ["config=abcdefghij0123456789x", "?sig=<signature>", "verify(key, signature=signature_bytes_2)"] {
        stays(text);
    }
}
