//! Upstream mocks that start only for the scenarios that require them.

use std::collections::BTreeMap;

use gauntlet::{Config, RunOptions};
use gauntlet_reports::Verdict;

use crate::support::{quick, run};

fn scenario(upstreams: &str) -> String {
    format!(
        "id: challenged\ntitle: The server wants a token\ntarget: protected-server\nlifecycle: bare\nrequires: {{ upstreams: [{upstreams}] }}\nsteps:\n  - http: GET\n    auth: none\n    expect: {{ status: 401 }}\n  - received: other-idp\n    count: 0\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_defect_of_one_that_is_not_started_is_nobody_elses() {
    let target = Config::default().filling("protected-server").next().cloned().unwrap();
    let defects = BTreeMap::from([("idp".to_owned(), vec!["token-cacheable".to_owned()])]);
    let options = || RunOptions { defects: defects.clone(), ..quick() };
    let done = run(vec![target.clone()], &[&scenario("other-idp")], options()).await;
    done.assert_told("challenged", &[Verdict::Pass], "");
    let done = run(vec![target], &[&scenario("idp")], options()).await;
    done.assert_told("challenged", &[Verdict::Untestable], "other-idp");
}
