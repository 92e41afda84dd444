/** Every figure this project claims, each made by {@code ./pairloom bench NAME}. */
package io.github.pairloom.benchmarks;
