/// How the values of records are decoded, by the section `source.decode` of a configuration.
#ifndef ICE_ASSEMBLY_OPEN_DECODING_H
#define ICE_ASSEMBLY_OPEN_DECODING_H

#include "config/settings.h"
#include "pipeline/pipeline.h"
#include "source/schema_registry.h"
#include <stdatomic.h>

/// How values are encoded, by source.decode.*. Errors: INVALID_ARGUMENT where a registry is missing, or settings contradict
/// each other.
ICE_MUST_CHECK ice_status ice_read_payload_format(const ice_settings *settings, ice_payload_format *out,
                                                  ice_error *err);

/// Open source.decode.registry: file:DIRECTORY or an http(s) URL. Nothing is asked yet.
///
/// Ownership: `*out` is the caller's; `stop` (may be NULL) is borrowed while it lives.
ICE_MUST_CHECK ice_status ice_open_registry(const ice_settings *settings, const _Atomic bool *stop,
                                            ice_schema_registry **out, ice_error *err);

/// Fill in how a pipeline decodes, by source.decode.*: its format, with the schema or the registry that it needs.
///
/// Ownership: `schema_text` (an empty buffer) and `*registry` are the caller's to give back; the options borrow them.
ICE_MUST_CHECK ice_status ice_open_decoding(const ice_settings *settings, const _Atomic bool *stop,
                                            ice_bytes *schema_text, ice_schema_registry **registry,
                                            ice_pipeline_options *out, ice_error *err);

#endif
