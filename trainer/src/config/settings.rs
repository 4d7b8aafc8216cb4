//! `--set KEY=VALUE`: one setting over those of a file.

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

/// Puts `key=value` into a configuration's table. Keys are dotted (`stage1.epochs=3`); values are TOML, and what is not TOML
/// is text (`loss=kl`). A value replaces what was there, a whole table too; without a value the key is removed, so that its
/// default holds.
///
/// # Errors
/// There is no `=`, the key is no key, or it leads through something that is not a table. Whether the key is known shows when
/// the table is read as a configuration.
pub(super) fn apply(table: &mut Table, setting: &str) -> Result<()> {
    let (key, value) = setting.split_once('=').with_context(|| format!("--set {setting}: write KEY=VALUE"))?;
    let path = path(key.trim()).with_context(|| format!("--set {setting}: `{key}` is not a dotted key"))?;
    let (last, parents) = path.split_last().context("a key has at least one part")?;
    let mut at = table;
    for parent in parents {
        let next = at.entry(parent.clone()).or_insert_with(|| Value::Table(Table::new()));
        let Value::Table(next) = next else { bail!("--set {setting}: `{parent}` is not a table") };
        at = next;
    }
    match value.trim() {
        "" => at.remove(last),
        value => at.insert(last.clone(), typed(value)),
    };
    Ok(())
}

/// The parts of a dotted key.
fn path(key: &str) -> Result<Vec<String>> {
    let mut table: Table = toml::from_str(&format!("{key} = 0"))?;
    let mut path = Vec::new();
    loop {
        let mut entries = std::mem::take(&mut table).into_iter();
        let (Some((part, value)), None) = (entries.next(), entries.next()) else { bail!("it is not one key") };
        path.push(part);
        match value {
            Value::Table(next) => table = next,
            _ => return Ok(path),
        }
    }
}

fn typed(value: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {value}"));
    // With another key it only looked like TOML.
    let parsed = parsed.ok().filter(|table| table.len() == 1);
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(settings: &[&str]) -> Table {
        let mut table = toml::from_str("seed = 1\n[stage1]\nepochs = 5\n[network]\nkind = { a = 1 }\n").unwrap();
        settings.iter().for_each(|setting| apply(&mut table, setting).unwrap());
        table
    }

    fn expected(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn values_have_tomls_types_and_other_words_are_text() {
        let found = set(&["seed=7", "stage1.rate = 0.05", "loss=kl", "name=\"a = b\"", "flip=true", "network="]);
        let text = "seed = 7\nloss = 'kl'\nname = 'a = b'\nflip = true\n[stage1]\nepochs = 5\nrate = 0.05";
        assert_eq!(found, expected(text));
        assert_eq!(set(&["list=[1, 2]", "seed=", "network=", "stage1=", "none="]), expected("list = [1, 2]"));
        assert_eq!(typed("mean-variance"), Value::String("mean-variance".to_owned()));
        assert_eq!(typed("1\nother = 2"), Value::String("1\nother = 2".to_owned()));
    }

    #[test]
    fn a_table_is_replaced_and_a_key_in_it_is_added() {
        assert_eq!(set(&["network.kind={b=2}"])["network"], Value::Table(expected("kind = { b = 2 }")));
        assert_eq!(set(&["network.kind.b=2"])["network"], Value::Table(expected("kind = { a = 1, b = 2 }")));
    }

    #[test]
    fn what_is_no_setting_is_refused_by_name() {
        let refused = |setting: &str| format!("{:#}", apply(&mut expected("seed = 1"), setting).unwrap_err());
        assert!(refused("seed").contains("--set seed: write KEY=VALUE"));
        assert!(refused("=3").contains("not a dotted key") && refused("a..b=3").contains("not a dotted key"));
        assert!(refused("seed.x=3").contains("`seed` is not a table"));
    }
}
