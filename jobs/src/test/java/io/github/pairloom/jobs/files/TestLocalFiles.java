package io.github.pairloom.jobs.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CreateFlag;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FsConstants;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TestLocalFiles {
  private static final String SPARK_HADOOP = "spark.hadoop.";

  @TempDir java.nio.file.Path folder;

  private static Configuration ours() {
    Configuration conf = new Configuration();
    LocalFiles.settings()
        .forEach((key, value) -> conf.set(key.substring(SPARK_HADOOP.length()), value));
    conf.setBoolean("fs.file.impl.disable.cache", true);
    return conf;
  }

  /** What holds for Hadoop's own files holds for ours. */
  static Stream<Configuration> configurations() {
    Configuration hadoops = new Configuration();
    hadoops.setBoolean("fs.file.impl.disable.cache", true);
    return Stream.of(hadoops, ours());
  }

  @Test
  void theSettingsTakeThePlaceOfHadoopsOwn() throws IOException {
    assertInstanceOf(LocalFiles.class, FileSystem.get(FsConstants.LOCAL_FS_URI, ours()));
    assertInstanceOf(
        LocalFilesOfContext.class,
        FileContext.getFileContext(FsConstants.LOCAL_FS_URI, ours()).getDefaultFileSystem());
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void permissionsAreThoseAskedFor(Configuration conf) throws IOException {
    FileSystem files = FileSystem.get(FsConstants.LOCAL_FS_URI, conf);
    Path file = path("file");
    files.create(file).close();
    for (String permissions : new String[] {"640", "777", "401", "052", "1755"}) {
      files.setPermission(file, new FsPermission(permissions));
      assertEquals(
          new FsPermission(permissions).toShort() & 0777,
          bits(folder.resolve("file")),
          permissions);
    }
    files.mkdirs(path("a/b"), new FsPermission("750"));
    assertEquals(0750, bits(folder.resolve("a/b")));
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void aRenameThatMustNotReplaceDoesNot(Configuration conf) throws IOException {
    FileContext context = FileContext.getFileContext(FsConstants.LOCAL_FS_URI, conf);
    write(context, "first");
    context.rename(path("first"), path("0.json"), Options.Rename.NONE);
    write(context, "second");
    assertThrows(
        org.apache.hadoop.fs.FileAlreadyExistsException.class,
        () -> context.rename(path("second"), path("0.json"), Options.Rename.NONE));
    assertEquals("first", Files.readString(folder.resolve("0.json")));
    context.rename(path("second"), path("0.json"), Options.Rename.OVERWRITE);
    assertEquals("second", Files.readString(folder.resolve("0.json")));
  }

  @ParameterizedTest
  @MethodSource("configurations")
  void linksAreSeenAsHadoopSeesThem(Configuration conf) throws IOException {
    FileSystem files = FileSystem.get(FsConstants.LOCAL_FS_URI, conf);
    Files.writeString(folder.resolve("file"), "12345");
    Files.createSymbolicLink(folder.resolve("link"), folder.resolve("file"));
    Files.createSymbolicLink(folder.resolve("dangling"), folder.resolve("gone"));
    assertEquals(5, files.getFileLinkStatus(path("file")).getLen());
    assertEquals(5, files.getFileLinkStatus(path("link")).getLen());
    for (String missing : new String[] {"dangling", "gone"}) {
      assertThrows(FileNotFoundException.class, () -> files.getFileLinkStatus(path(missing)));
    }
  }

  private Path path(String name) {
    return new Path(folder.resolve(name).toUri());
  }

  private void write(FileContext context, String name) throws IOException {
    try (FSDataOutputStream out = context.create(path(name), EnumSet.of(CreateFlag.CREATE))) {
      out.write(name.getBytes(StandardCharsets.UTF_8));
    }
  }

  private static int bits(java.nio.file.Path file) throws IOException {
    String text = PosixFilePermissions.toString(Files.getPosixFilePermissions(file));
    int bits = 0;
    for (int i = 0; i < text.length(); i++) {
      bits = bits << 1 | (text.charAt(i) == '-' ? 0 : 1);
    }
    return bits;
  }
}
