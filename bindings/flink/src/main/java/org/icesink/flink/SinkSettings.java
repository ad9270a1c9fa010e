package org.icesink.flink;

import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalLong;

/** What all parts of a native sink open their sessions from. */
final class SinkSettings implements CommitTarget {
  private static final long serialVersionUID = 1L;

  private final String file;
  private final HashMap<String, String> settings;
  private final String name;
  private final String leadTable;

  /** Reads the settings, so that what is wrong with them is said where the job is built. */
  SinkSettings(String file, Map<String, String> settings) throws IcesinkException {
    this.file = file;
    this.settings = new HashMap<>(settings);
    try (Session session = open()) {
      name = session.setting("name");
      String lead = session.setting("tables.lead");
      String table = lead.isEmpty() ? session.setting("tables.data") : lead;
      leadTable = table.contains(".") ? table : session.setting("tables.database") + "." + table;
    }
    if (name.isEmpty()) {
      throw new IcesinkException(
          "INVALID_ARGUMENT", "a sink needs a name (setting \"name\"): it owns the position in the table");
    }
  }

  Session open() throws IcesinkException {
    return Session.open(file, settings);
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String table() {
    return leadTable;
  }

  @Override
  public boolean overwrites() {
    return false;
  }

  @Override
  public boolean hasPosition() {
    return true;
  }

  @Override
  public OptionalLong number(String writer) throws IcesinkException {
    try (Session session = open()) {
      return session.token(leadTable, writer);
    }
  }
}
