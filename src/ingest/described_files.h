/// Data files on their way from a writer to the append that puts them into their table, in another process perhaps: the table's uuid,
/// and a manifest that has no snapshot yet.
#ifndef ICE_INGEST_DESCRIBED_FILES_H
#define ICE_INGEST_DESCRIBED_FILES_H

#include "base/bytes.h"

/// Append what stands before the manifest.
ICE_MUST_CHECK ice_status ice_described_files_begin(ice_str table_uuid, ice_bytes *out, ice_error *err);

/// Take a description apart. Ownership: both outputs are borrowed from `text`. Errors: CORRUPT, UNSUPPORTED (of a later version).
ICE_MUST_CHECK ice_status ice_described_files_read(ice_str text, ice_str *table_uuid, ice_str *manifest,
                                                   ice_error *err);

#endif
