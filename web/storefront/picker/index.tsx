import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconUsers } from "@tabler/icons-react";
import { lazy, Suspense } from "react";

import { useVisit } from "../visit";
import css from "./Picker.module.css";

const PickerDialog = lazy(() => import("./PickerDialog"));

/** Who is shopping, and the way to be somebody else. */
export function Picker() {
  const { user } = useVisit();
  const [isOpen, dialog] = useDisclosure();
  return (
    <>
      <Button
        variant="default"
        size="sm"
        className={css.open}
        leftSection={<IconUsers size={16} aria-hidden />}
        onClick={dialog.open}
        aria-label={`${user || "Anonymous"}: be somebody else`}
        data-tour="picker"
      >
        <span className={css.who}>{user || "Anonymous"}</span>
      </Button>
      {isOpen && (
        <Suspense fallback={null}>
          <PickerDialog onClose={dialog.close} />
        </Suspense>
      )}
    </>
  );
}
