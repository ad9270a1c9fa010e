/// The real operating system, of which one call fails: the n-th file operation, counted over all kinds.
#ifndef ICE_TESTS_FAULTY_PORT_H
#define ICE_TESTS_FAULTY_PORT_H

#include "port/port.h"
#include <stdatomic.h>

typedef struct faulty_port {
  ice_port port;
  /// The call that fails, from 1 on; 0: none.
  int64_t fail_at;
  /// True: that call and all after it fail, as on a full disk; false: that one alone.
  bool for_good;
  _Atomic int64_t calls;
} faulty_port;

/// Make `faulty` a port that fails its `fail_at`-th file operation. The object must not move.
void faulty_port_init(faulty_port *faulty, int64_t fail_at, bool for_good);

#endif
