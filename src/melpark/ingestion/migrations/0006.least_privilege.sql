-- Refused records are not captured: whoever captures need not read them. May run twice.
REVOKE SELECT ON parking.rejected_records FROM melpark_capture;
