//! Two targets made comparable.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::config::{Endpoint, TargetSpec};
use crate::target::instance::merge_given;

/// Gives the direct side and the same mock behind the gateway one configuration: that of the mock behind the gateway, and
/// over it what the direct side says. What speaks of other upstreams stays where it is.
pub fn align(direct: &mut TargetSpec, through: &mut TargetSpec) {
    let Endpoint::Mock { mock, config, .. } = &mut direct.endpoint else { return };
    let mut same: Vec<_> = through.upstreams.values_mut().filter(|upstream| upstream.mock == *mock).collect();
    let [upstream] = same.as_mut_slice() else { return };
    let mut shared = movable(&upstream.config);
    merge_given(&mut shared, config.clone());
    for (name, value) in movable(config) {
        upstream.config.insert(name, value);
    }
    *config = shared;
}

/// Members that mean the same beside any target.
fn movable(config: &Map<String, Value>) -> Map<String, Value> {
    let own = |value: &Value| value.to_string().contains("${");
    config.iter().filter(|(_, value)| !own(value)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Switches defects on: of the mock that the target is, and of those behind it.
pub fn add_defects(spec: &mut TargetSpec, defects: &BTreeMap<String, Vec<String>>) {
    let add = |mock: &str, config: &mut Map<String, Value>| {
        if let Some(wanted) = defects.get(mock) {
            let wanted = Value::from(wanted.clone());
            merge_given(config, Map::from_iter([("defects".to_owned(), wanted)]));
        }
    };
    if let Endpoint::Mock { mock, config, .. } = &mut spec.endpoint {
        add(mock, config);
    }
    for upstream in spec.upstreams.values_mut() {
        add(&upstream.mock.clone(), &mut upstream.config);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::UpstreamSpec;

    fn gateway(config: Value) -> TargetSpec {
        let config = config.as_object().cloned().unwrap_or_default();
        let server = UpstreamSpec {
            mock: "mcp-server".to_owned(),
            config,
            on_demand: false,
            recorded: None,
            intercept: Vec::new(),
        };
        let upstreams = BTreeMap::from([("server".to_owned(), server)]);
        TargetSpec { upstreams, ..TargetSpec::url("gateway", "http://127.0.0.1:1/mcp") }
    }

    fn config(spec: &TargetSpec) -> Value {
        match &spec.endpoint {
            Endpoint::Mock { config, .. } => Value::Object(config.clone()),
            _ => Value::Object(spec.upstreams["server"].config.clone()),
        }
    }

    #[test]
    fn both_instances_are_configured_alike() {
        let mut direct = TargetSpec::mock("mcp-server");
        let mut through = gateway(json!({ "page_size": 2, "issuer": "${upstreams.idp.url}" }));
        if let Endpoint::Mock { config, .. } = &mut direct.endpoint {
            config.insert("name".to_owned(), "x".into());
        }
        align(&mut direct, &mut through);
        assert_eq!(config(&direct), json!({ "page_size": 2, "name": "x" }));
        assert_eq!(config(&through), json!({ "page_size": 2, "issuer": "${upstreams.idp.url}", "name": "x" }));
        let mut other = TargetSpec::mock("idp");
        align(&mut other, &mut through);
        assert_eq!(config(&other), json!({}));
    }

    #[test]
    fn defects_are_on_wherever_their_mock_is() {
        let defects = BTreeMap::from([("mcp-server".to_owned(), vec!["text-altered".to_owned()])]);
        let mut direct = TargetSpec::mock("mcp-server");
        let mut through = gateway(json!({ "defects": ["jsonrpc-missing"] }));
        add_defects(&mut direct, &defects);
        add_defects(&mut through, &defects);
        assert_eq!(config(&direct), json!({ "defects": ["text-altered"] }));
        assert_eq!(config(&through), json!({ "defects": ["jsonrpc-missing", "text-altered"] }));
    }
}
