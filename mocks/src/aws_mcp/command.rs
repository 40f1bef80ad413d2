//! Commands of the AWS CLI, as far as they say what is done to what.

/// Longest command that is read.
const LONGEST_COMMAND: usize = 16 << 10;

/// Services whose name on the command line is not that of their actions.
const PREFIXES: &[(&str, &str)] = &[("s3api", "s3"), ("elbv2", "elasticloadbalancing"), ("logs", "logs")];

/// Operations whose action has another name.
const ACTIONS: &[(&str, &str)] = &[
    ("s3:ListBuckets", "s3:ListAllMyBuckets"),
    ("s3:ListObjects", "s3:ListBucket"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:HeadObject", "s3:GetObject"),
    ("lambda:Invoke", "lambda:InvokeFunction"),
];

/// A call to an AWS service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// `GetObject`.
    pub(super) operation: String,
    /// `s3:GetObject`.
    pub(super) action: String,
    /// An ARN, or `*`.
    pub(super) resource: String,
    /// As the command names it.
    pub(super) region: Option<String>,
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one sentence.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_COMMAND {
            return Err(format!("the command is longer than {LONGEST_COMMAND} bytes"));
        }
        let words = words(text)?;
        let mut words = words.iter().map(String::as_str);
        if words.next() != Some("aws") {
            return Err("the command must begin with `aws`".to_owned());
        }
        let (mut names, mut options) = (Vec::new(), Vec::new());
        let mut rest = words.peekable();
        while let Some(word) = rest.next() {
            match word.strip_prefix("--") {
                None => names.push(word),
                Some(option) => match option.split_once('=') {
                    Some(pair) => options.push(pair),
                    None => {
                        let value = rest.next_if(|next| !next.starts_with("--")).unwrap_or_default();
                        options.push((option, value));
                    }
                },
            }
        }
        let [service, operation, ..] = names.as_slice() else {
            return Err("the command names no service and operation, such as `aws s3api list-buckets`".to_owned());
        };
        let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if let Some(wrong) = [*service, *operation].iter().find(|name| !is_name(name)) {
            return Err(format!("`{wrong}` is no service or operation"));
        }
        let prefix = PREFIXES.iter().find(|(name, _)| name == service).map_or(*service, |(_, prefix)| prefix);
        let operation = pascal(operation);
        let plain = format!("{prefix}:{operation}");
        let action = ACTIONS.iter().find(|(name, _)| *name == plain).map_or(plain.as_str(), |(_, action)| action);
        let option = |name: &str| options.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Ok(Self {
            action: action.to_owned(),
            resource: resource(option, &options),
            region: option("region").filter(|region| !region.is_empty()).map(str::to_owned),
            operation,
        })
    }
}

/// What a command works on: an object or a bucket of S3, or what it names by an ARN.
fn resource<'o>(option: impl Fn(&str) -> Option<&'o str>, options: &[(&str, &str)]) -> String {
    match (option("bucket"), option("key")) {
        (Some(bucket), Some(key)) => format!("arn:aws:s3:::{bucket}/{key}"),
        (Some(bucket), None) => format!("arn:aws:s3:::{bucket}"),
        (None, _) => {
            let named = options.iter().map(|(_, value)| *value).find(|value| value.starts_with("arn:"));
            named.unwrap_or("*").to_owned()
        }
    }
}

/// `list-buckets` as `ListBuckets`.
fn pascal(name: &str) -> String {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(part).collect()
}

/// Words as a shell tells them apart: blanks between, quotes around, a backslash in front.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if close == open => quote = None,
            (None | Some('"'), '\\') => {
                let escaped = characters.next().ok_or("the command ends after a backslash")?;
                word.get_or_insert_default().push(escaped);
            }
            (Some(_), inside) => word.get_or_insert_default().push(inside),
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ';' | '|' | '&' | '<' | '>' | '`' | '$') => {
                return Err(format!("`{character}`: shell syntax is not supported"));
            }
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (None, plain) => word.get_or_insert_default().push(plain),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, String, Option<String>) {
        let command = Command::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"));
        (command.action, command.resource, command.region)
    }

    #[test]
    fn actions_and_resources() {
        let arn = "arn:aws:iam::123456789012:role/R";
        for (text, action, resource, region) in [
            ("aws s3api list-buckets", "s3:ListAllMyBuckets", "*", None),
            ("aws s3api get-object --bucket b --key 'a b' out", "s3:GetObject", "arn:aws:s3:::b/a b", None),
            (
                "aws --region eu-west-1 s3api head-bucket --bucket=b",
                "s3:ListBucket",
                "arn:aws:s3:::b",
                Some("eu-west-1"),
            ),
            ("aws sts get-caller-identity --region us-west-2", "sts:GetCallerIdentity", "*", Some("us-west-2")),
            (&format!("aws sts assume-role --role-arn {arn} --role-session-name s"), "sts:AssumeRole", arn, None),
            (
                "aws ec2 describe-instances --dry-run --region us-east-2",
                "ec2:DescribeInstances",
                "*",
                Some("us-east-2"),
            ),
            ("aws ssm get-parameter --name \"a \\\"b\\\"\"", "ssm:GetParameter", "*", None),
        ] {
            assert_eq!(read(text), (action.to_owned(), resource.to_owned(), region.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_is_no_command() {
        for text in [
            "",
            "ls",
            "aws",
            "aws s3api",
            "aws s3api list-buckets; rm",
            "aws s3api 'list",
            "aws s3api list-buckets \\",
            "aws s3:api list",
            &"aws ".repeat(10_000),
        ] {
            assert!(Command::parse(text).is_err(), "{}", &text[..text.len().min(40)]);
        }
    }
}
