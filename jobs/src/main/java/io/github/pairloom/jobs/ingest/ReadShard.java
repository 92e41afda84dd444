package io.github.pairloom.jobs.ingest;

import io.github.pairloom.jobs.recipe.SourceSettings;
import java.util.Iterator;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.util.SerializableConfiguration;
import org.apache.spark.util.TaskCompletionListener;

/** The task that reads one source file, given by its number in the list of files. */
final class ReadShard implements FlatMapFunction<Long, Row> {
  private static final long serialVersionUID = 1L;

  private final List<String> uris;
  private final SourceSettings source;
  private final String imageRoot;
  private final String ingestId;
  private final String packFolder;
  private final SerializableConfiguration hadoop;

  /**
   * @param imageRoot folder that images may come from; empty: the folder of the file
   * @param packFolder where images without an address are written
   */
  ReadShard(
      List<String> uris,
      SourceSettings source,
      String imageRoot,
      String ingestId,
      String packFolder,
      SerializableConfiguration hadoop) {
    this.uris = uris;
    this.source = source;
    this.imageRoot = imageRoot;
    this.ingestId = ingestId;
    this.packFolder = packFolder;
    this.hadoop = hadoop;
  }

  @Override
  public Iterator<Row> call(Long number) {
    ShardReader reader = open(uris.get(number.intValue()));
    TaskContext.get().addTaskCompletionListener((TaskCompletionListener) context -> reader.close());
    return new MappedRows<>(reader, SourceRow.CODEC::toRow);
  }

  private ShardReader open(String uri) {
    Configuration configuration = hadoop.value();
    return switch (source.format()) {
      case LLAVA -> new LlavaReader(uri, source, images(uri), configuration);
      case PARQUET ->
          new ParquetShardReader(
              uri, source, images(uri), new Path(packFolder), ingestId, configuration);
      case WEBDATASET -> new TarReader(uri, source, configuration);
    };
  }

  private ImagePaths images(String uri) {
    return new ImagePaths(imageRoot.isEmpty() ? new Path(uri).getParent() : new Path(imageRoot));
  }
}
