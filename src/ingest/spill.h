/// Where encoded pages wait when the memory budget is exceeded: one unlinked temporary file per writer thread.
#ifndef ICE_INGEST_SPILL_H
#define ICE_INGEST_SPILL_H

#include "parquet/parquet_writer.h"
#include "port/port.h"

typedef struct ice_spill {
  const ice_port *port;
  char *directory;
  ice_file file;
  uint64_t size;
  ice_parquet_spill target;  ///< for the Parquet writers; points back to this object, which must not move
} ice_spill;

/// The file is made at first use. Errors: NO_MEMORY.
ICE_MUST_CHECK ice_status ice_spill_init(ice_spill *spill, const ice_port *port, const char *directory,
                                         ice_error *err);
/// Accepts a zeroed object.
void ice_spill_deinit(ice_spill *spill);

/// Give the disk space back; nothing that was spilled is needed any more.
void ice_spill_reset(ice_spill *spill);

#endif
