//! polfile
