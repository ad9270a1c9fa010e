/// Credentials as the endpoints that give them out write them. Ownership: texts are from the arena. Threads: any.
#ifndef ICE_HTTP_HTTP_AWS_ANSWER_H
#define ICE_HTTP_HTTP_AWS_ANSWER_H

#include "http/http_sigv4.h"

/// Of STS: <AssumeRole…Response>. Errors: CORRUPT, LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_aws_sts_read(ice_str text, ice_arena *arena, ice_aws_credentials *out, ice_error *err);

/// The name of the fault in an <ErrorResponse> of STS; empty where there is none that could be shown.
ice_str ice_aws_sts_fault(ice_str text, ice_arena *arena);

/// Of the instance metadata and container endpoints: a JSON object. Errors: CORRUPT, NO_MEMORY, LIMIT; AUTH (it says why there
/// are none).
ICE_MUST_CHECK ice_status ice_aws_json_read(ice_str text, ice_arena *arena, ice_aws_credentials *out, ice_error *err);

/// Keys go into headers: what could not stand there, or is missing, is CORRUPT. No message holds any of it.
ICE_MUST_CHECK ice_status ice_aws_credentials_check(const ice_aws_credentials *credentials, ice_error *err);

#endif
