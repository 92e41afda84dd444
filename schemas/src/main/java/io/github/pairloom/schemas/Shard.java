package io.github.pairloom.schemas;

import static io.github.pairloom.schemas.Check.check;
import static io.github.pairloom.schemas.Check.checkId;
import static io.github.pairloom.schemas.Check.checkNotBlank;

/**
 * One row of {@code shards}: a source file that has been ingested in full.
 *
 * @param shardId see {@link #idOf}
 * @param ingestId SHA-256 (hex) of the source settings that decide what a row becomes
 * @param uri the source file
 * @param contentSha256 SHA-256 (hex) of the file's bytes when it was read
 * @param bytes size of the file
 * @param read candidate samples found in the file
 * @param written samples written for it
 * @param dropped candidates dropped as redundant
 * @param quarantined candidates put into quarantine
 */
public record Shard(
    String shardId,
    String ingestId,
    String uri,
    String contentSha256,
    long bytes,
    long read,
    long written,
    long dropped,
    long quarantined) {
  public static final RecordCodec<Shard> CODEC = RecordCodec.of(Table.SHARDS, Shard.class);

  public Shard {
    checkId("shard_id", shardId);
    checkId("ingest_id", ingestId);
    checkNotBlank("uri", uri);
    checkId("content_sha256", contentSha256);
    check(
        read == written + dropped + quarantined,
        "Shard %s does not reconcile: read %s, written %s, dropped %s, quarantined %s",
        uri,
        read,
        written,
        dropped,
        quarantined);
  }

  /** Returns the id of a file with this content, ingested with these settings. */
  public static String idOf(String ingestId, String uri, String contentSha256) {
    return new ContentId().add(ingestId).add(uri).add(contentSha256).toHex();
  }
}
