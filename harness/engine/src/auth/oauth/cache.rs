//! Tokens that outlive a run: one file for each authorization server, resource and client, for nobody but the user.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::registration::{RegisteredBy, Registration};
use super::settings::{Secret, TokenAuth};
use super::token::TokenSet;

/// Variable that names the configuration folder in place of the system's.
const FOLDER_VARIABLE: &str = "GAUNTLET_CONFIG_DIR";

/// Bytes of a file that are read.
const MOST_BYTES: u64 = 1 << 20;

/// Of what a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    pub issuer: &'a str,
    pub resource: &'a str,
    /// The configured client id, or what stands for a client that registers itself.
    pub client: &'a str,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    pub tokens: TokenSet,
    /// A client that registered dynamically, to be used again.
    pub registration: Option<Registration>,
}

/// A folder of tokens.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct File {
    issuer: String,
    resource: Option<String>,
    slot_resource: String,
    slot_client: String,
    client_id: String,
    access_token: String,
    refresh_token: Option<String>,
    scopes: Vec<String>,
    expires_at: Option<u64>,
    registration: Option<FileRegistration>,
}

#[derive(Serialize, Deserialize)]
struct FileRegistration {
    client_secret: Option<String>,
    token_auth: String,
    redirect_uri: Option<String>,
    expires_at: Option<u64>,
}

impl Cache {
    /// The user's own: `tokens` in `GAUNTLET_CONFIG_DIR`, else in `gauntlet` in the system's configuration folder. `None`
    /// where there is no such folder.
    pub(crate) fn of_user() -> Option<Self> {
        let named = std::env::var_os(FOLDER_VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from);
        let folder = named.or_else(|| dirs::config_dir().map(|folder| folder.join("gauntlet")))?;
        Some(Self::at(folder.join("tokens")))
    }

    /// A folder, made when it is first written to.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, slot: Slot<'_>) -> PathBuf {
        let mut hash = Sha256::new();
        for part in [slot.issuer, slot.resource, slot.client] {
            hash.update(part.len().to_be_bytes());
            hash.update(part.as_bytes());
        }
        let name: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(format!("{name}.json"))
    }

    /// What is stored. A file that is damaged, too large or of something else counts as none.
    pub(super) fn load(&self, slot: Slot<'_>) -> Option<Stored> {
        let mut text = String::new();
        fs::File::open(self.path(slot)).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
        let file: File = serde_json::from_str(&text).ok()?;
        let is_own =
            file.issuer == slot.issuer && file.slot_resource == slot.resource && file.slot_client == slot.client;
        if !is_own || file.access_token.is_empty() {
            return None;
        }
        let registration = match file.registration {
            None => None,
            Some(own) => Some(Registration {
                issuer: file.issuer.clone(),
                client_id: file.client_id.clone(),
                client_secret: own.client_secret.map(Secret::new),
                token_auth: TokenAuth::parse(&own.token_auth)?,
                by: RegisteredBy::Dynamic,
                redirect_uri: own.redirect_uri,
                expires_at: own.expires_at,
            }),
        };
        let tokens = TokenSet {
            access_token: Secret::new(file.access_token),
            refresh_token: file.refresh_token.map(Secret::new),
            scopes: file.scopes,
            expires_at: file.expires_at,
            issuer: file.issuer,
            resource: file.resource,
            client_id: file.client_id,
        };
        Some(Stored { tokens, registration })
    }

    /// Stores; a file that is there is replaced as a whole.
    pub(super) fn store(&self, slot: Slot<'_>, stored: &Stored) -> io::Result<()> {
        make_folder(&self.folder)?;
        let text = |secret: &Secret| secret.expose().to_owned();
        let tokens = &stored.tokens;
        let file = File {
            issuer: slot.issuer.to_owned(),
            resource: tokens.resource.clone(),
            slot_resource: slot.resource.to_owned(),
            slot_client: slot.client.to_owned(),
            client_id: tokens.client_id.clone(),
            access_token: text(&tokens.access_token),
            refresh_token: tokens.refresh_token.as_ref().map(text),
            scopes: tokens.scopes.clone(),
            expires_at: tokens.expires_at,
            registration: stored.registration.as_ref().map(|own| FileRegistration {
                client_secret: own.client_secret.as_ref().map(text),
                token_auth: own.token_auth.as_str().to_owned(),
                redirect_uri: own.redirect_uri.clone(),
                expires_at: own.expires_at,
            }),
        };
        let bytes = serde_json::to_vec_pretty(&file)?;
        let path = self.path(slot);
        let temporary = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
        let written = write_new(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &path));
        if written.is_err() {
            // It may not have come into being.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Forgets; that there is nothing to forget is no error.
    pub(super) fn remove(&self, slot: Slot<'_>) -> io::Result<()> {
        match fs::remove_file(self.path(slot)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Makes the folder for the user alone. One that is there keeps its mode.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file that does not exist yet, from its first moment for the user alone.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
