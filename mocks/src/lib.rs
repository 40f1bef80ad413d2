//! Mocked MCP systems, each with a journal, configuration and defects.
