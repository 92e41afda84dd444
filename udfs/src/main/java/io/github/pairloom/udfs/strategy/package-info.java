/** Rejection strategies: ways to make the worse side of a pair. */
package io.github.pairloom.udfs.strategy;
