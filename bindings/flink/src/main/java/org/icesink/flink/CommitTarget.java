package org.icesink.flink;

import java.io.Serializable;
import java.util.OptionalLong;

/** What the commits of a sink go into. */
interface CommitTarget extends Serializable {
  /** The sink's name. */
  String name();

  /** The table that remembers numbers. */
  String table();

  /** Whether a commit replaces everything that the table has. */
  boolean overwrites();

  /** Whether the table remembers the position in the topic too, so that numbers need not tell what it has. */
  boolean hasPosition();

  /** The highest number that the table remembers of a writer. */
  OptionalLong number(String writer) throws IcesinkException;
}
