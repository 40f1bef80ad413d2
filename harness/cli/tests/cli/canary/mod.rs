//! No secret of an OAuth sign-in leaves the command but into the token store: seen from the other side, whose mocks know every
//! value that went over the wire, and by shape where nobody knows the values.

mod embedded;
mod hunt;
mod lab;
mod sign_in;
