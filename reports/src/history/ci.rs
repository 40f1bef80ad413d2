//! What was tested, as far as the variables of CI systems tell.

/// Which state of the sources a run belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Commit.
    pub commit: Option<String>,
    /// Branch or tag.
    pub branch: Option<String>,
}

/// Gauntlet's own variable, then GitHub Actions, GitLab CI, Jenkins, CircleCI, Azure Pipelines, Buildkite, Bitbucket, Travis CI.
const COMMIT: [&str; 9] = [
    "GAUNTLET_COMMIT",
    "GITHUB_SHA",
    "CI_COMMIT_SHA",
    "GIT_COMMIT",
    "CIRCLE_SHA1",
    "BUILD_SOURCEVERSION",
    "BUILDKITE_COMMIT",
    "BITBUCKET_COMMIT",
    "TRAVIS_COMMIT",
];

/// In the same order.
const BRANCH: [&str; 9] = [
    "GAUNTLET_BRANCH",
    "GITHUB_REF_NAME",
    "CI_COMMIT_REF_NAME",
    "GIT_BRANCH",
    "CIRCLE_BRANCH",
    "BUILD_SOURCEBRANCHNAME",
    "BUILDKITE_BRANCH",
    "BITBUCKET_BRANCH",
    "TRAVIS_BRANCH",
];

/// Characters kept of a name.
const LONGEST: usize = 200;

impl Source {
    /// Asks for variables by name; the first that is set and not empty counts.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            let value = names.iter().find_map(|name| variable(name).filter(|value| !value.trim().is_empty()))?;
            Some(value.trim().chars().take(LONGEST).collect())
        };
        Self { commit: first(&COMMIT), branch: first(&BRANCH) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_says_something_counts() {
        let with = |set: &[(&str, &str)]| {
            let of = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            let source = Source::from_variables(of);
            (source.commit.unwrap_or_default(), source.branch.unwrap_or_default())
        };
        let pair = |commit: &str, branch: &str| (commit.to_owned(), branch.to_owned());
        assert_eq!(with(&[]), pair("", ""));
        assert_eq!(with(&[("CI_COMMIT_SHA", "1a2b"), ("CI_COMMIT_REF_NAME", "main")]), pair("1a2b", "main"));
        assert_eq!(with(&[("GITHUB_SHA", "1a2b"), ("GAUNTLET_COMMIT", " 3c4d\n")]), pair("3c4d", ""));
        assert_eq!(with(&[("GAUNTLET_COMMIT", " "), ("GITHUB_SHA", "1a2b")]), pair("1a2b", ""));
        assert_eq!(with(&[("GITHUB_REF_NAME", &"x".repeat(10_000))]).1.len(), LONGEST);
    }
}
