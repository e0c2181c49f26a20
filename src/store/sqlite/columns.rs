//! Converts the domain's values to and from columns.

use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use uuid::Uuid;

use crate::domain::{KnockStatus, PublicAccess, Role, Timestamp};

pub(super) fn public_access_name(access: PublicAccess) -> &'static str {
    match access {
        PublicAccess::None => "none",
        PublicAccess::Read => "read",
        PublicAccess::Post => "post",
    }
}

pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Guest => "guest",
    }
}

pub(super) fn knock_status_name(status: KnockStatus) -> &'static str {
    match status {
        KnockStatus::Pending => "pending",
        KnockStatus::Approved => "approved",
        KnockStatus::Declined => "declined",
    }
}

pub(super) fn knock_status(row: &Row<'_>, column: usize) -> Result<KnockStatus> {
    let all = [KnockStatus::Pending, KnockStatus::Approved, KnockStatus::Declined];
    named(row, column, &all, knock_status_name)
}

pub(super) fn public_access(row: &Row<'_>, column: usize) -> Result<PublicAccess> {
    named(row, column, &[PublicAccess::None, PublicAccess::Read, PublicAccess::Post], public_access_name)
}

pub(super) fn role(row: &Row<'_>, column: usize) -> Result<Role> {
    named(row, column, &[Role::Owner, Role::Guest], role_name)
}

/// Reads the value among `all` that has the column's text as its name.
pub(super) fn named<T: Copy>(row: &Row<'_>, column: usize, all: &[T], name: fn(T) -> &'static str) -> Result<T> {
    let text: String = row.get(column)?;
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| Error::FromSqlConversionFailure(column, Type::Text, format!("unknown name '{text}'").into()))
}

pub(super) fn id<T: From<Uuid>>(row: &Row<'_>, column: usize) -> Result<T> {
    Ok(Uuid::from_bytes(row.get(column)?).into())
}

pub(super) fn optional_id<T: From<Uuid>>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(|bytes| Uuid::from_bytes(bytes).into()))
}

pub(super) fn timestamp(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// Reads a counter. Counters are unsigned and SQLite's integers signed; no counter grows large enough for that to
/// matter.
pub(super) fn counter(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
