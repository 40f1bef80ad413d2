//! The interceptor, seen by clients that trust it and clients that do not. Nothing leaves loopback.

mod exchange;
mod faults;
mod lab;
mod proxy;
mod trust;
