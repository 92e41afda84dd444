package io.github.pairloom.udfs.vlm;

import java.io.Serializable;

/**
 * Which model wrote a text, for provenance and for the identity of rows.
 *
 * @param id folder or endpoint as the recipe names it
 * @param revision SHA-256 (hex) over the model's files
 * @param promptTemplateSha256 SHA-256 (hex) of the chat template's text
 */
public record ModelIdentity(String id, String revision, String promptTemplateSha256)
    implements Serializable {}
