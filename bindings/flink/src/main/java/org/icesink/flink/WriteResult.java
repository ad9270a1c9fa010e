package org.icesink.flink;

/** The files that one writer closed for a checkpoint. */
final class WriteResult {
  /** The library's description of them. */
  final byte[] files;

  final long rows;
  final long bytes;
  final long fileCount;

  WriteResult(byte[] files, long rows, long bytes, long fileCount) {
    this.files = files;
    this.rows = rows;
    this.bytes = bytes;
    this.fileCount = fileCount;
  }

  @Override
  public String toString() {
    return fileCount + " files, " + rows + " rows, " + bytes + " bytes";
  }
}
