/** Models behind HTTP. */
package io.github.pairloom.udfs.remote;
