/** Local folders as Hadoop file systems. */
package io.github.pairloom.jobs.files;
