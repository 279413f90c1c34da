//! Sample images that a test puts on an engine or into a registry.

use crate::files::{Node, Tree};
use kozmic_edges::engine::Account;

/// The size of an image without files, in bytes.
const SIZE: i64 = 100_000_000;

/// An image that a test will add.
#[derive(Clone, Debug)]
pub struct Sample {
    pub(crate) account: Account,
    pub(crate) default_user: String,
    pub(crate) size: i64,
    pub(crate) tree: Tree,
}

impl Sample {
    /// An image like the tests' own: with a shell, and with the user `kozmic`.
    pub fn debian() -> Self {
        let account = Account {
            user: "kozmic".to_owned(),
            uid: 1000,
            gid: 1000,
            home: "/home/kozmic".to_owned(),
            has_shell: true,
        };
        let mut tree = Tree::default();
        for path in ["/dev", "/etc", "/home/kozmic", "/opt", "/root", "/tmp", "/usr", "/var"] {
            tree.put(path, Node::Directory);
        }
        tree.put(
            "/etc/passwd",
            Node::file(b"root:x:0:0:root:/root:/bin/sh\nkozmic:x:1000:1000::/home/kozmic:/bin/sh\n"),
        );
        tree.put("/bin/sh", Node::File { content: Vec::new(), mode: 0o755 });
        Self { account, default_user: String::new(), size: SIZE, tree }
    }

    /// An image with little more than a program: no shell, and only the user root.
    pub fn without_shell() -> Self {
        let account = Account { user: String::new(), uid: 0, gid: 0, home: "/".to_owned(), has_shell: false };
        let mut tree = Tree::default();
        tree.put("/tmp", Node::Directory);
        Self { account, default_user: String::new(), size: SIZE, tree }
    }

    /// The same image with one more file.
    #[must_use]
    pub fn with_file(mut self, path: &str, content: &[u8]) -> Self {
        self.tree.put(path, Node::file(content));
        self
    }

    /// The same image with another size, in bytes.
    #[must_use]
    pub fn of_size(mut self, size: i64) -> Self {
        self.size = size;
        self
    }
}
