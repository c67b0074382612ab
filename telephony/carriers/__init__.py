"""Who carries the calls, behind one seam."""
