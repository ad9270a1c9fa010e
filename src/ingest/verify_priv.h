/// Where an audit's violations go.
#ifndef ICE_INGEST_VERIFY_PRIV_H
#define ICE_INGEST_VERIFY_PRIV_H

#include "ingest/verify.h"

typedef struct ice_violations {
  ice_verify_report report;
  void *context;
  int64_t *count;
} ice_violations;

/// Count one violation and report its text, cut where it is too long.
void ice_violate(const ice_violations *to, const char *format, ...) ICE_PRINTF(2, 3);

#endif
