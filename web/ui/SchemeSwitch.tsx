import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from "@mantine/core";
import { IconMoon, IconSun } from "@tabler/icons-react";

/** Light or dark; what the system says until it is pressed. */
export function SchemeSwitch() {
  const scheme = useComputedColorScheme("light");
  const { setColorScheme } = useMantineColorScheme();
  const next = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon size="lg" color="gray" aria-label={`Switch to ${next}`} onClick={() => setColorScheme(next)}>
      {scheme === "dark" ? <IconSun size={18} /> : <IconMoon size={18} />}
    </ActionIcon>
  );
}
