package io.github.pairloom.udfs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class TestUsers {
  private final AtomicInteger closed = new AtomicInteger();
  private final Users users = new Users(closed::incrementAndGet);

  @Test
  void whatIsUsedIsClosedWhenTheLastUserLeaves() {
    assertTrue(users.enter());
    assertTrue(users.enter());
    users.condemn();
    users.leave();
    assertEquals(0, closed.get());

    users.leave();

    assertEquals(1, closed.get());
  }

  @Test
  void whatNobodyUsesIsClosedAtOnceAndNobodyEntersAnyMore() {
    assertTrue(users.enter());
    users.leave();
    assertEquals(0, closed.get());

    users.condemn();

    assertEquals(1, closed.get());
    assertFalse(users.enter());
  }
}
