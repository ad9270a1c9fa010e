package org.icesink.flink;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** All files of one checkpoint, of all writers, with the token under which they are appended, wherever they are restored. */
public final class IcesinkCommittable {
  private final String sink;
  private final String jobId;
  private final String operatorId;
  private final long checkpointId;
  private final long number;
  private final boolean overwrites;
  private final List<byte[]> files;
  private final long fileCount;

  /**
   * @param checkpointId a real one: for the end of the input that which comes next
   * @param number the token's: see {@link CommittableAggregator}
   * @param files descriptions that writers gave
   */
  IcesinkCommittable(
      String sink,
      String jobId,
      String operatorId,
      long checkpointId,
      long number,
      boolean overwrites,
      List<byte[]> files,
      long fileCount) {
    this.sink = sink;
    this.jobId = jobId;
    this.operatorId = operatorId;
    this.checkpointId = checkpointId;
    this.number = number;
    this.overwrites = overwrites;
    this.files = files;
    this.fileCount = fileCount;
  }

  String sink() {
    return sink;
  }

  String jobId() {
    return jobId;
  }

  String operatorId() {
    return operatorId;
  }

  long checkpointId() {
    return checkpointId;
  }

  long number() {
    return number;
  }

  /** Whether these files replace everything that the table has. */
  boolean overwrites() {
    return overwrites;
  }

  List<byte[]> files() {
    return files;
  }

  long fileCount() {
    return fileCount;
  }

  /** The name under which the table remembers the number. */
  String writer() {
    return writer(sink, jobId, operatorId);
  }

  // The operator is in it because nothing keeps a job from having two sinks of one name in one table: the commits of one would
  // pass for those of the other, and its rows be dropped.
  static String writer(String sink, String jobId, String operatorId) {
    return sink + "." + jobId + "." + operatorId;
  }

  /** The entries that the Iceberg community's sink writes, and looks for when a job moves to it. */
  Map<String, String> summary() {
    Map<String, String> entries = new TreeMap<>();
    entries.put("flink.job-id", jobId);
    entries.put("flink.operator-id", operatorId);
    entries.put("flink.max-committed-checkpoint-id", Long.toString(checkpointId));
    return entries;
  }

  @Override
  public String toString() {
    return "checkpoint " + checkpointId + " of " + writer() + " (" + fileCount + " files)";
  }
}
