package io.github.pairloom.udfs.image;

import com.twelvemonkeys.imageio.plugins.jpeg.JPEGImageReaderSpi;
import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Iterator;
import java.util.function.Consumer;
import javax.imageio.ImageReader;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * The decoders of compressed pixels. Each is named, not looked up by format, so that the same one
 * decodes on every machine whatever else is on the class path and whenever ImageIO scanned it.
 *
 * <p>The codecs are stateless; each call makes its own reader, in memory, without a cache on disk.
 */
enum Codec {
  JPEG {
    @Override
    ImageReader newReader() throws IOException {
      JPEGImageReaderSpi provider = new JPEGImageReaderSpi();
      // Outside the registry, this is how the provider finds the JDK's reader that it wraps.
      provider.onRegistration(IIORegistry.getDefaultInstance(), ImageReaderSpi.class);
      return provider.createReaderInstance();
    }
  },
  PNG {
    @Override
    ImageReader newReader() throws IOException {
      return ofJdk("com.sun.imageio.plugins.png.PNGImageReaderSpi");
    }
  },
  GIF {
    @Override
    ImageReader newReader() throws IOException {
      return ofJdk("com.sun.imageio.plugins.gif.GIFImageReaderSpi");
    }
  },
  BMP {
    @Override
    ImageReader newReader() throws IOException {
      return ofJdk("com.sun.imageio.plugins.bmp.BMPImageReaderSpi");
    }
  };

  abstract ImageReader newReader() throws IOException;

  /** Returns the first image, telling {@code warnings} what the codec thinks of it. */
  BufferedImage read(byte[] file, Consumer<String> warnings) throws IOException {
    return with(file, warnings, reader -> reader.read(0));
  }

  /** Returns the samples of the first image as stored, before any conversion of colours. */
  Raster readRaster(byte[] file, Consumer<String> warnings) throws IOException {
    return with(file, warnings, reader -> reader.readRaster(0, null));
  }

  private <T> T with(byte[] file, Consumer<String> warnings, Read<T> read) throws IOException {
    ImageReader reader = newReader();
    try (MemoryCacheImageInputStream input =
        new MemoryCacheImageInputStream(new ByteArrayInputStream(file))) {
      reader.addIIOReadWarningListener((source, warning) -> warnings.accept(warning));
      reader.setInput(input, true, true);
      return read.from(reader);
    } finally {
      reader.dispose();
    }
  }

  private static ImageReader ofJdk(String providerClass) throws IOException {
    Iterator<ImageReaderSpi> providers =
        IIORegistry.getDefaultInstance()
            .getServiceProviders(
                ImageReaderSpi.class,
                provider -> provider.getClass().getName().equals(providerClass),
                false);
    if (!providers.hasNext()) {
      throw new IllegalStateException(
          "This Java has no " + providerClass + ": install a JDK with module java.desktop");
    }
    return providers.next().createReaderInstance();
  }

  private interface Read<T> {
    T from(ImageReader reader) throws IOException;
  }
}
