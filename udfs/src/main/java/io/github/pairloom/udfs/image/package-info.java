/**
 * From the bytes of an image file to the numbers a vision model reads.
 *
 * <p>{@link io.github.pairloom.udfs.image.ImageDecoder} turns untrusted bytes into pixels or into a
 * {@link io.github.pairloom.udfs.image.BadImageException} with a stable reason, {@link
 * io.github.pairloom.udfs.image.ImagePreprocessor} turns pixels into the tensor that the model's
 * own image processor would have made, and {@link io.github.pairloom.udfs.image.DiffusionNoise}
 * corrupts that tensor. All of them are pure functions: equal input gives equal bytes on every
 * machine.
 */
package io.github.pairloom.udfs.image;
