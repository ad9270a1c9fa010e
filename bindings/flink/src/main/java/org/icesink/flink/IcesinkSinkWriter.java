package org.icesink.flink;

import java.io.IOException;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.table.data.RowData;
import org.apache.flink.types.RowKind;

/** One subtask's data files: rows go to the library in batches, and files close with each checkpoint. */
final class IcesinkSinkWriter implements CommittingSinkWriter<RowData, WriteResult> {
  private final Session session;
  private final TableWriter writer;
  private final RowBatch batch;
  private final Counter recordsSend;
  private final Counter bytesSend;
  private final Counter sendErrors;
  private final Counter failed;

  private TableWriter.Totals totals;
  private long lastCheckpointBytes;

  private IcesinkSinkWriter(Session session, TableWriter writer, RowBatch batch, SinkWriterMetricGroup metrics)
      throws IcesinkException {
    this.session = session;
    this.writer = writer;
    this.batch = batch;
    this.totals = writer.totals();
    // Flink shows the same counters as numRecordsOut and numRecordsOutErrors.
    recordsSend = metrics.getNumRecordsSendCounter();
    bytesSend = metrics.getNumBytesSendCounter();
    sendErrors = metrics.getNumRecordsSendErrorsCounter();
    failed = metrics.counter("numRecordsFailed");
    metrics.gauge("lastCheckpointSize", () -> lastCheckpointBytes);
  }

  static IcesinkSinkWriter open(IcesinkSink.Settings settings, SinkWriterMetricGroup metrics) throws IOException {
    Session session = Session.open(settings.session());
    RowBatch batch = null;
    try {
      Columns columns = Columns.of(settings.rowType());
      TableWriter writer = session.openWriter(settings.table(), columns);
      batch = new RowBatch(columns);
      // No rows yet, but columns that do not fit the table are said now, not with the first row.
      writer.append(batch);
      return new IcesinkSinkWriter(session, writer, batch, metrics);
    } catch (IOException | RuntimeException e) {
      if (batch != null) {
        batch.close();
      }
      session.close();
      throw e;
    }
  }

  @Override
  public void write(RowData row, Context context) throws IOException {
    if (row.getRowKind() != RowKind.INSERT) {
      throw new IcesinkException(
          "UNSUPPORTED", "icesink appends: it takes inserts, and got a row of kind " + row.getRowKind());
    }
    try {
      batch.add(row);
    } catch (IcesinkException e) {
      countFailed(1);
      throw e;
    }
    if (batch.isFull()) {
      handOver();
    }
  }

  @Override
  public void flush(boolean endOfInput) throws IOException {
    handOver();
  }

  @Override
  public Collection<WriteResult> prepareCommit() throws IOException {
    handOver();
    byte[] files = writer.finish();
    TableWriter.Totals before = totals;
    totals = writer.totals();
    lastCheckpointBytes = totals.bytes - before.bytes;
    bytesSend.inc(lastCheckpointBytes);
    if (files.length == 0) {
      return Collections.emptyList();
    }
    return List.of(
        new WriteResult(files, totals.rows - before.rows, lastCheckpointBytes, totals.files - before.files));
  }

  private void countFailed(int rows) {
    sendErrors.inc(rows);
    failed.inc(rows);
  }

  private void handOver() throws IOException {
    int rows = batch.rows();
    if (rows == 0) {
      return;
    }
    try {
      writer.append(batch);
    } catch (IcesinkException e) {
      countFailed(rows);
      throw e;
    }
    recordsSend.inc(rows);
    batch.clear();
  }

  @Override
  public void close() {
    session.close();
    batch.close();
  }
}
