//! What servers see of the environment: what every child sees, what the configuration names, and never the key.

use serde_json::json;

use crate::rig::{Rig, Server};

/// Nothing that the daemon alone should know.
#[track_caller]
fn assert_harmless(rig: &Rig, environment: &str) {
    let key = rig.desk.provider.key();
    assert!(environment.contains("PATH"), "{environment}");
    for secret in [key, "DEEPSEEK_API_KEY", "AGENTD_PROVIDER", "not-for-servers"] {
        assert!(!environment.contains(secret), "{secret} is in {environment}");
    }
}

#[test]
fn the_key_is_in_no_environment_of_a_server_or_of_its_children() {
    let server = Server::chaos("s", &[]).keys("env = { GIVEN = \"as a value\" }\nenv_vars = [\"NAMED\", \"ABSENT\"]");
    let rig = Rig::with(&[server], "", |home| {
        home.set_env("NAMED", "by its name");
        home.set_env("UNNAMED", "not-for-servers");
    });
    rig.wait("s", "ready");
    for tool in ["env", "child_env"] {
        let seen = rig.text("s", tool, &json!({}));
        assert_harmless(&rig, &seen);
        assert!(seen.contains("GIVEN=") && seen.contains("NAMED=") && !seen.contains("ABSENT"), "{seen}");
    }
    let pid = rig.pid("s");
    let real = String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/environ")).unwrap()).into_owned();
    assert_harmless(&rig, &real);
    rig.close();
}

#[test]
fn the_reference_server_does_not_see_the_key_either() {
    let Some((rig, _real)) = Rig::real(|real, home| {
        home.set_env("UNNAMED", "not-for-servers");
        vec![
            Server::command("everything", real.path("everything"), &[]),
            Server::command("shell", real.path("shell"), &[]).keys("env = { ALLOW_COMMANDS = \"printenv\" }"),
        ]
    }) else {
        return;
    };
    rig.wait("everything", "ready");
    assert_harmless(&rig, &rig.text("everything", "get-env", &json!({})));
    rig.wait("shell", "ready");
    assert_harmless(&rig, &rig.text("shell", "shell_execute", &json!({"command": ["printenv"]})));
    rig.close();
}

#[test]
fn the_configuration_may_not_pass_the_key_on() {
    let rig = Rig::new(&[]);
    let server = Server::chaos("s", &[]).keys("env_vars = [\"DEEPSEEK_API_KEY\"]");
    crate::rig::configure(&rig.desk.home, &rig.tag, &[server], "");
    let output = rig.desk.ctl(["daemon", "reload"]).run();
    assert!(output.code == Some(2) && output.stderr.contains("provider's key"), "{output:?}");
    rig.close();
}
