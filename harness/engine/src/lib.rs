//! Integration conformance test harness for the Model Context Protocol.
