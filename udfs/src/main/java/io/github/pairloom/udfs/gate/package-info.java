/** Gates: what a pair of texts must not be. */
package io.github.pairloom.udfs.gate;
